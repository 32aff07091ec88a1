"""Which version has a session by now: the lineage of state.json, followed as the proxy does
(lua/bg/routing/lineage.lua).

A token says the version of its log-in for days; meanwhile that version may have been promoted away, taken
back, and come again under the same name.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from session_api.names import VersionName


class Entry(msgspec.Struct, frozen=True):
    """From `generation` on, `new` serves the sessions that `old` had."""

    old: VersionName = msgspec.field(name="from")
    new: VersionName = msgspec.field(name="to")
    generation: Annotated[int, msgspec.Meta(ge=1)]
    at: datetime


def follow(
    entries: Sequence[Entry], served: Collection[str], version: str, generation: int | None, issued_at: int
) -> str:
    """The version that has a session now to which `version` was given when the state had `generation`.

    Where a token does not say that, its `issued_at` (Unix seconds) decides, and one of the same second
    applies; with 0, every entry does. A version that is not served, and that no entry since then has moved
    on, was not served when it was given: it was copied from an older token. Then every entry applies, too.
    """
    found = _walk(entries, version, generation, issued_at)
    return found if found in served else _walk(entries, found, None, 0)


def _walk(entries: Sequence[Entry], version: str, generation: int | None, issued_at: int) -> str:
    for entry in entries:
        is_later = entry.at.timestamp() >= issued_at if generation is None else entry.generation > generation
        if entry.old == version and is_later:
            version = entry.new
    return version
