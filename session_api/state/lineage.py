"""Follows a session over releases: which version has it by now, by the lineage in state.json.

The proxy follows it by the same rules (lua/bg/routing/lineage.lua). A token says the version of its log-in
for days; meanwhile that version may have been promoted away, taken back, and come again under the same name.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from session_api.version_name import VersionName


class Handover(msgspec.Struct, frozen=True):
    """From `generation` of the state on, the version `new` serves the sessions that `old` had."""

    old: VersionName = msgspec.field(name="from")
    new: VersionName = msgspec.field(name="to")
    generation: Annotated[int, msgspec.Meta(ge=1)]
    at: datetime


def follow(
    entries: Sequence[Handover], served: Collection[str], version: str, generation: int | None, issued_at: int
) -> str:
    """The version that has a session by now; `version` is the one that its token got at `generation`.

    Where a token does not say a generation, its `issued_at` (Unix seconds) decides: handovers of that second
    and later ones apply, and with 0 all of them. A version that is not served, although no later handover
    moved it on, was old already when the token was signed (an app copied it): then all handovers apply, too.
    """
    found = _walk(entries, version, generation, issued_at)
    return found if found in served else _walk(entries, found, None, 0)


def _walk(entries: Sequence[Handover], version: str, generation: int | None, issued_at: int) -> str:
    for entry in entries:
        is_later = entry.at.timestamp() >= issued_at if generation is None else entry.generation > generation
        if entry.old == version and is_later:
            version = entry.new
    return version
