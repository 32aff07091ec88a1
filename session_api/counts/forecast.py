"""When the last of a version's sessions will have left."""

from dataclasses import dataclass
from math import log

EULER = 0.5772


@dataclass(frozen=True)
class Drain:
    """A version that drains, at `now`. `since`: when it began, and `departures` those since; None: not known.

    An `idle_timeout` of 0 is off. Times are Unix seconds.
    """

    now: int
    remaining: int
    last_activity: int
    expires_at: int | None
    idle_timeout: int
    since: int | None = None
    departures: int = 0


def earliest(drain: Drain) -> int | None:
    """If nobody comes back."""
    if not drain.remaining or not drain.idle_timeout:
        return None
    ends = drain.last_activity + drain.idle_timeout
    return ends if drain.expires_at is None else min(ends, drain.expires_at)


def likely(drain: Drain) -> int | None:
    """If they go on leaving at the pace so far, each as likely as any other to be the next."""
    n, d = drain.remaining, drain.departures
    if not n or not d or drain.since is None or drain.now <= drain.since:
        return None
    rate = d / ((drain.now - drain.since) * (n + d / 2))
    harmonic = log(n) + EULER + 1 / (2 * n)
    ends = drain.now + int(harmonic / rate)
    return ends if drain.expires_at is None else max(drain.now, min(ends, drain.expires_at))


def latest(drain: Drain) -> int | None:
    """When the last token or pin expires."""
    return drain.expires_at if drain.remaining else None
