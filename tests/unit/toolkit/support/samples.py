"""Samples and lines of a history, as a release leaves them."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from toolkit.clients.figures import Figures
from toolkit.clients.sample import Counted, Sample
from toolkit.files.history import Entry
from toolkit.terminal.taken import Taken
from toolkit.values import stamp

BEGAN = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
BOUNDS = (0.01, 0.1, 1.0)
ID = "20260115-103000"


def at(seconds: float) -> str:
    return stamp(BEGAN + timedelta(seconds=seconds))


def counted(slot: str, version: str, fast: int, slow: int = 0, errors: int = 0, over: int = 0) -> Counted:
    """`fast` requests took up to 10 ms, `slow` ones up to 1 s."""
    figures = Figures(fast + slow, errors, BOUNDS, (fast, 0, slow, 0))
    return Counted(slot, version, figures, over)


def sampled(seconds: float, *found: Counted, started: float | None = 1.0, **rest: object) -> Sample:
    return Sample(at(seconds), started, found, **rest)  # type: ignore[arg-type]


def line(seconds: float, what: str, outcome: str = "done", **rest: str | None) -> Entry:
    """A change that took 2 s and ended so many seconds after the release began."""
    steps = (Taken("one", 0.5), Taken("two", 1.5))
    entry = Entry(
        at(seconds), "ada", "deploy", what, "1.6.7", "1.6.8", 7, 2, outcome, "", release=ID, steps=steps
    )
    return replace(entry, **rest)


RELEASED = [
    line(2, "up-green 1.6.8"),
    line(5, "route enable-green", who="bea"),
    line(3605, "promote"),
]
SAMPLES = [
    sampled(
        0,
        counted("blue", "1.6.7", 1000),
        sessions={"1.6.7": 60, "1.6.8": 0},
        step="up-green 1.6.8",
        edge="begin",
    ),
    sampled(5, counted("blue", "1.6.7", 1100), sessions={"1.6.7": 62, "1.6.8": 0}),
    sampled(
        1800,
        counted("blue", "1.6.7", 3000, 5, errors=2, over=1),
        counted("green", "1.6.8", 2000),
        sessions={"1.6.7": 20, "1.6.8": 70},
        moved=7,
    ),
    sampled(
        3605,
        counted("blue", "1.6.7", 3100, 5, errors=2, over=1),
        counted("blue", "1.6.8", 400),
        counted("green", "1.6.8", 5000),
        sessions={"1.6.7": 0, "1.6.8": 90},
        moved=9,
    ),
]
