"""What proxy and session API have counted at one moment: a sample, of which a release keeps several."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

import msgspec
from msgspec import Struct

from toolkit.clients import exposition
from toolkit.clients.figures import Figures
from toolkit.values import is_stamp, moment


class Counted(Struct, frozen=True, omit_defaults=True):
    """What the proxy has counted of one version in one slot since it started.

    `figures` as in `toolkit.clients.figures`, but its errors are 5xx alone; `failovers` are requests that the
    other slot had to answer.
    """

    slot: str
    version: str
    figures: Figures = Figures()
    failovers: int = 0

    def continues(self, before: "Counted") -> bool:
        """Whether these are later counts of the same proxy."""
        return self.failovers >= before.failovers and self.figures.continues(before.figures)


class Sample(Struct, frozen=True, omit_defaults=True):
    """`at` is a stamp. `started`: since when the proxy counts, as Unix time; None: it gave no answer.

    `moved` are sessions that a page load has taken to the new version, since the proxy started. `sessions`
    are those in the session API's store by version; None: it gave no answer. `step` and `edge` say of which
    change it is: "begin" or "end", or "" for a look in between.
    """

    at: str
    started: float | None = None
    counted: tuple[Counted, ...] = ()
    moved: int = 0
    sessions: dict[str, int] | None = None
    step: str = ""
    edge: str = ""

    @property
    def when(self) -> float:
        """Unix time; 0 for a stamp that is none."""
        return moment(self.at).timestamp() if is_stamp(self.at) else 0.0

    @property
    def empty(self) -> bool:
        return self.started is None and self.sessions is None


def of(at: str, proxy: str | None, api: str | None) -> Sample:
    """From the texts of both /metrics; None: no answer."""
    started, moved, counted = _proxy(proxy) if proxy is not None else (None, 0, ())
    return Sample(at, started, counted, moved, None if api is None else _sessions(api))


def _proxy(text: str) -> tuple[float | None, int, tuple[Counted, ...]]:
    started: float | None = None
    moved = 0
    statuses: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    buckets: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    failovers: dict[tuple[str, str], int] = {}
    for name, labels, value in exposition.rows(text):
        pair = labels.get("slot", ""), labels.get("version", "")
        if name == "bgctl_start_time_seconds":
            started = value
        elif name == "bgctl_migrations_total":
            moved = int(value)
        elif name == "bgctl_requests_total":
            statuses[pair][labels.get("status", "")] = int(value)
        elif name == "bgctl_request_duration_seconds_bucket":
            buckets[pair].append((float(labels.get("le", "inf")), int(value)))
        elif name == "bgctl_failovers_total":
            failovers[pair] = int(value)
    found = [
        Counted(slot, version, _figures(statuses[slot, version], buckets[slot, version]), count)
        for (slot, version), count in sorted({**dict.fromkeys(statuses, 0), **failovers}.items())
    ]
    return started, moved, tuple(each for each in found if each.figures.requests or each.failovers)


def _figures(statuses: dict[str, int], buckets: list[tuple[float, int]]) -> Figures:
    """Prometheus' buckets are sums from the first on; those of `Figures` are not."""
    buckets.sort()
    sums = [count for _, count in buckets]
    counts = tuple(now - before for now, before in zip(sums, [0, *sums], strict=False))
    bounds = tuple(bound for bound, _ in buckets[:-1])
    return Figures(sum(statuses.values()), statuses.get("5xx", 0), bounds, counts)


def _sessions(text: str) -> dict[str, int] | None:
    """None where the store does not answer: then there is no row of it, and 0 would be a claim."""
    found = list(exposition.rows(text))
    if not any(name == "bgctl_api_store_up" and value for name, _, value in found):
        return None
    return {
        labels.get("version", ""): int(value) for name, labels, value in found if name == "bgctl_api_sessions"
    }


def read(lines: Iterable[bytes]) -> list[Sample]:
    """From the lines of a file; one that a crash has torn is left out."""
    found = []
    for line in lines:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            found.append(msgspec.json.decode(line, type=Sample))
    return found
