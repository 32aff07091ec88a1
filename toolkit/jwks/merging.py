"""From the keys that a provider lists to those that verify: what it lists no more lasts a while. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec.structs import replace

from session_api.keys.issuer_keys import IssuerKey, Source
from toolkit.jwks.key_set import Found

MOST_KEPT = 64  # keys that are listed no more


def merged(before: Source, listed: Iterable[Found], now: datetime, ends: datetime) -> Source:
    """The source with the keys that are `listed` now. Those that are listed no more end at `ends`.

    A key that comes back is as before. Where another key has a kid that was seen, that alone has it.
    """
    known = {(key.kid, key.alg, key.public): key for key in before.keys}
    current = [
        IssuerKey(each.alg, each.public, _seen(known.get((each.kid, each.alg, each.public)), now), each.kid)
        for each in listed
    ]
    named = {key.kid for key in current if key.kid}
    same = {(key.kid, key.alg, key.public) for key in current}
    gone = [
        key if key.retire_at else replace(key, retire_at=ends)
        for of, key in known.items()
        if of not in same and key.kid not in named
    ]
    return current_only(replace(before, keys=[*current, *gone]), now)


def current_only(source: Source, now: datetime) -> Source:
    """Without the keys that are past their time, and the oldest of those that are too many."""
    live = [key for key in source.keys if key.retire_at is None]
    leaving = [key for key in source.keys if key.retire_at and key.retire_at > now]
    leaving.sort(key=lambda key: key.retire_at or now, reverse=True)
    return replace(source, keys=[*live, *leaving[:MOST_KEPT]])


def without(source: Source, kids: Collection[str]) -> tuple[Source, list[str]]:
    """Without the keys that have one of these names, which are ours or another's; and those names."""
    taken = [key.kid for key in source.keys if key.kid in kids and key.kid]
    return replace(source, keys=[key for key in source.keys if key.kid not in taken or not key.kid]), taken


def _seen(key: IssuerKey | None, now: datetime) -> datetime:
    return key.seen_at if key else now
