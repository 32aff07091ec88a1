"""Decides whether a count is known: what no proxy has reported is unknown, and not 0. Pure."""

from collections.abc import Sequence

from session_api.stores.records import Birth, Heard

SILENCE = 10  # seconds without a report after which a proxy may know of sessions that the store lacks


def why_unknown(now: int, window: int, birth: Birth, heard: Sequence[Heard]) -> str | None:
    """Why it is not known who was active within the last `window` seconds; None if it is known.

    A proxy that was silent for a whole window is forgotten: all that it saw is idle by now.
    """
    current = [each for each in heard if now - each.seen_at <= window]
    if not current:
        return _never(now, heard)
    for each in sorted(current, key=lambda each: each.proxy):
        if each.doubled_at is not None and now - each.doubled_at <= SILENCE:
            rename = "give one of their hosts another name, then: bgctl reload"
            return f"two proxies report as {each.proxy}: {rename}"
        if now - each.seen_at > SILENCE:
            return _silent(now, each)
        if each.told_at is None or now - each.told_at > SILENCE:
            return f"proxy {each.proxy} has not told yet all that it remembers"
    reach = max(each.since for each in current)
    if not birth.fresh and now - birth.born_at < window and reach > birth.born_at - window:
        left = birth.born_at + window - now
        return f"the session store was empty {now - birth.born_at} s ago; counts are complete in {left} s"
    return None


def why_visitors_unknown(now: int, window: int, heard: Sequence[Heard]) -> str | None:
    """Why the number of visitors is not known, although all else is; None if it is known."""
    for each in sorted(heard, key=lambda each: each.proxy):
        told_at = each.visitors_told_at
        if now - each.seen_at <= window and (told_at is None or now - told_at > SILENCE):
            return f"proxy {each.proxy} saw more visitors than it could tell of"
    return None


def _never(now: int, heard: Sequence[Heard]) -> str:
    if not heard:
        return "no proxy has ever reported"
    return _silent(now, max(heard, key=lambda each: each.seen_at))


def _silent(now: int, proxy: Heard) -> str:
    return f"proxy {proxy.proxy} has not reported for {now - proxy.seen_at} s"
