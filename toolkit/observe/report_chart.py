"""Where the bars and curves of a report's timeline are: pure geometry, in per cent of its width.

The page stretches its pictures to the screen, so that their text is text of the page, and stays readable.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from msgspec import Struct

from toolkit.observe.seen import Point
from toolkit.observe.story import Part, Story
from toolkit.values import is_stamp, moment

WIDE, HIGH = 1000, 100  # units of a curve's picture
LEAST = 0.5  # per cent: a bar that can still be seen
TICKS = 4
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


class Bar(Struct, frozen=True):
    """A part of the story. `kind` is step, wait or bad."""

    part: Part
    kind: str
    left: float
    width: float


class Curve(Struct, frozen=True):
    """`line` and `area` are paths of SVG, in `WIDE` by `HIGH` units. `kind` is old or new."""

    version: str
    kind: str
    line: str
    area: str


class Chart(Struct, frozen=True):
    """`top` is the value at its upper edge."""

    title: str
    top: float
    curves: tuple[Curve, ...]


class Tick(Struct, frozen=True):
    left: float
    label: str


class Timeline(Struct, frozen=True):
    bars: tuple[Bar, ...]
    charts: tuple[Chart, ...]
    ticks: tuple[Tick, ...]


def timeline(told: Story) -> Timeline:
    began, seconds = _span(told)

    def left(at: str) -> float:
        return min(100.0, max(0.0, (_unix(at, began) - began) / seconds * 100))

    bars = tuple(_bar(part, left(part.at), seconds) for part in told.parts)
    points = told.seen.points if told.seen else ()
    versions = [version for version in (told.old, told.new) if version]
    charts = (
        _chart("Sessions", points, lambda point: point.sessions, versions, left, steps=False),
        _chart("Requests per second", points, lambda point: point.rates, versions, left, steps=True),
    )
    return Timeline(bars, tuple(each for each in charts if each), tuple(_ticks(began, seconds)))


def _span(told: Story) -> tuple[float, float]:
    """Its begin as Unix time, and how many seconds the picture has room for."""
    began = _unix(told.began, 0.0)
    ends = [_unix(part.at, began) + part.seconds for part in told.parts]
    ends += [_unix(point.at, began) for point in told.seen.points] if told.seen else []
    return began, max(1.0, max(ends) - began)


def _unix(at: str, otherwise: float) -> float:
    return moment(at).timestamp() if is_stamp(at) else otherwise


def _bar(part: Part, left: float, seconds: float) -> Bar:
    kind = "wait" if not part.who else "step" if part.outcome == "done" else "bad"
    width = min(100.0, max(LEAST, part.seconds / seconds * 100))
    return Bar(part, kind, round(min(left, 100 - width), 2), round(width, 2))


def _chart(
    title: str,
    points: Sequence[Point],
    values: Callable[[Point], Mapping[str, float] | None],
    versions: Sequence[str],
    left: Callable[[str], float],
    steps: bool,
) -> Chart | None:
    """None where there is nothing to draw: less than two points, or never anything but 0."""
    known = [(left(point.at), found) for point in points if (found := values(point)) is not None]
    top = max((value for _, found in known for value in found.values()), default=0.0)
    if len(known) < 2 or top <= 0:
        return None
    curves = []
    for number, version in enumerate(versions):
        dots = [(at / 100 * WIDE, HIGH - found.get(version, 0) / top * HIGH) for at, found in known]
        curves.append(_curve(version, "old" if number < len(versions) - 1 else "new", dots, steps))
    return Chart(title, top, tuple(curves))


def _curve(version: str, kind: str, dots: Sequence[tuple[float, float]], steps: bool) -> Curve:
    """`steps`: a value holds for all the time since the point before, and not only at its own."""
    told = [f"M{dots[0][0]:.1f} {dots[0][1]:.1f}"]
    for x, y in dots[1:]:
        told.append(f"V{y:.1f}H{x:.1f}" if steps else f"L{x:.1f} {y:.1f}")
    line = "".join(told)
    return Curve(version, kind, line, f"{line}V{HIGH}H{dots[0][0]:.1f}Z")


def _ticks(began: float, seconds: float) -> Iterator[Tick]:
    """Times of day in UTC, at even moments; with the day where it is longer than one.

    None beyond the times that there can be, as a damaged line of the history may have them.
    """
    days = STEPS[-1] * (1 + seconds // STEPS[-1] // TICKS)
    step = next((each for each in STEPS if seconds / each <= TICKS), days)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if seconds < 86400 else "%d %b %H:%M"
    at = began - began % step + step
    with suppress(ValueError, OverflowError, OSError):
        while at < began + seconds:
            yield Tick(round((at - began) / seconds * 100, 2), f"{datetime.fromtimestamp(at, UTC):{form}}")
            at += step
