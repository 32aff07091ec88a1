"""From the samples of a release to what its users saw, also where the proxy has begun to count anew."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isinf

from msgspec import Struct

from toolkit.clients.figures import Figures
from toolkit.clients.sample import Counted, Sample

# Steps that move all sessions of one version at once, and whether these are those of the new one.
_MOVING = {
    "rollback": True,
    "route disable-green": True,
    "canary": True,
    "route disable-blue": False,
    "drain": False,
    "promote": False,
}
Key = tuple[str, str]  # slot and version


class OfVersion(Struct, frozen=True, rename="camel"):
    """What users of one version saw. `p50` and `p99` are bounds in seconds; None: nothing was timed.

    `p99` is above all bounds where `slow`. `peak_sessions` None: they were never known.
    """

    version: str
    requests: int = 0
    failed: int = 0
    failovers: int = 0
    p50: float | None = None
    p99: float | None = None
    slow: bool = False
    peak_sessions: int | None = None


class Point(Struct, frozen=True, rename="camel"):
    """A sample for a chart: sessions, and requests in a second since the point before, by version."""

    at: str
    sessions: dict[str, int] | None = None
    rates: dict[str, float] | None = None


class Seen(Struct, frozen=True, rename="camel"):
    """What users saw of a release, old version first.

    `moved` sessions went over with a page load, `moved_at_once` at a switch that left them no choice.
    `restarts`: so often the proxy began to count anew; what it had counted after the sample before is lost.
    """

    since: str
    until: str
    versions: tuple[OfVersion, ...]
    moved: int = 0
    moved_at_once: int = 0
    restarts: int = 0
    points: tuple[Point, ...] = ()

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.versions)

    @property
    def failed(self) -> int:
        return sum(each.failed for each in self.versions)

    @property
    def failovers(self) -> int:
        return sum(each.failovers for each in self.versions)


def of(samples: Sequence[Sample], old: str | None, new: str | None) -> Seen | None:
    """None where nothing is known."""
    if not samples:
        return None
    names = [name for name in (old, new) if name]
    known = [each for each in samples if each.started is not None]
    deltas = [_added(before, after) for before, after in pairwise(known)]
    return Seen(
        samples[0].at,
        samples[-1].at,
        tuple(_of_version(name, deltas, samples) for name in names),
        sum(_moved(before, after) for before, after in pairwise(known)),
        _moved_at_once(samples, old, new),
        sum(before.started != after.started for before, after in pairwise(known)),
        tuple(_points(samples, names)),
    )


def _added(before: Sample, after: Sample) -> list[Counted]:
    """What was counted between two samples."""
    then: dict[Key, Counted] = {}
    if before.started == after.started:
        then = {(each.slot, each.version): each for each in before.counted}
    return [_since(each, then.get((each.slot, each.version))) for each in after.counted]


def _since(now: Counted, before: Counted | None) -> Counted:
    """A version that the proxy had forgotten, and counts again, begins anew."""
    if before is None or not now.continues(before):
        return now
    added = now.figures.since(before.figures)
    return Counted(now.slot, now.version, added, now.failovers - before.failovers)


def _of_version(name: str, deltas: Sequence[list[Counted]], samples: Sequence[Sample]) -> OfVersion:
    mine = [each for added in deltas for each in added if each.version == name]
    total = Figures()
    for each in mine:
        total = total.plus(each.figures)
    p50, p99 = (_finite(total.within(share), total) for share in (0.5, 0.99))
    last = total.within(0.99)
    peaks = [each.sessions.get(name, 0) for each in samples if each.sessions is not None]
    return OfVersion(
        name,
        total.requests,
        total.errors,
        sum(each.failovers for each in mine),
        p50,
        p99,
        last is not None and isinf(last),
        max(peaks, default=None),
    )


def _finite(seconds: float | None, total: Figures) -> float | None:
    """JSON has no infinity: beyond all bounds, it is the last of them."""
    if seconds is None or not isinf(seconds):
        return seconds
    return total.bounds[-1] if total.bounds else None


def _moved(before: Sample, after: Sample) -> int:
    began = 0 if before.started != after.started or after.moved < before.moved else before.moved
    return after.moved - began


def _moved_at_once(samples: Sequence[Sample], old: str | None, new: str | None) -> int:
    """The most that one switch has moved: a promotion that is tried again finds the same sessions."""
    found = [0]
    for each in samples:
        word = next((word for word in _MOVING if each.step.split(" ")[0] == word or each.step == word), "")
        if each.edge == "begin" and word and each.sessions is not None:
            leaving = new if _MOVING[word] else old
            found.append(each.sessions.get(leaving or "", 0))
    return max(found)


def _points(samples: Sequence[Sample], names: Sequence[str]) -> Iterator[Point]:
    before: Sample | None = None
    for each in samples:
        yield Point(each.at, each.sessions, _rates(before, each, names) if before else None)
        before = each if each.started is not None else before


def _rates(before: Sample, after: Sample, names: Sequence[str]) -> dict[str, float] | None:
    seconds = after.when - before.when
    if after.started is None or seconds <= 0:
        return None
    added = _added(before, after)
    counted = {name: sum(each.figures.requests for each in added if each.version == name) for name in names}
    return {name: round(count / seconds, 2) for name, count in counted.items()}
