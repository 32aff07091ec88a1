"""Forecasts when the last session of a version that drains will have left. Pure."""

from dataclasses import dataclass
from math import log

EULER = 0.5772


@dataclass(frozen=True)
class Drain:
    """A version that drains, as it is at `now`. Times are Unix seconds, `idle_timeout` is seconds (0: off).

    `since` is when the drain began, None if that is not known; `departures` counts who has left since then.
    `expires_at` is the latest expiry among those who remain, None if no one does.
    """

    now: int
    remaining: int
    last_activity: int
    expires_at: int | None
    idle_timeout: int
    since: int | None = None
    departures: int = 0


def earliest(drain: Drain) -> int | None:
    """The end if no session that remains makes another request; None if that cannot be said."""
    if not drain.remaining or not drain.idle_timeout:
        return None
    ends = drain.last_activity + drain.idle_timeout
    return ends if drain.expires_at is None else min(ends, drain.expires_at)


def likely(drain: Drain) -> int | None:
    """The end if sessions go on leaving at the pace so far, each as likely as any other to be the next.

    Such departures are exponential: the expected time until the last of n has left is the n-th harmonic
    number divided by the rate of one.
    """
    n, d = drain.remaining, drain.departures
    if not n or not d or drain.since is None or drain.now <= drain.since:
        return None
    rate = d / ((drain.now - drain.since) * (n + d / 2))
    harmonic = log(n) + EULER + 1 / (2 * n)
    ends = drain.now + int(harmonic / rate)
    return ends if drain.expires_at is None else max(drain.now, min(ends, drain.expires_at))


def latest(drain: Drain) -> int | None:
    """The end if all of them stay for as long as they can: when the last token or pin expires."""
    return drain.expires_at if drain.remaining else None
