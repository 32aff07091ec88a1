"""The lineage in state.json: which version has the sessions of a version that was taken out of service.

A token names the version of its log-in for days. Meanwhile that version may be promoted away, rolled back,
and come again under the same name. Each entry says which version has another one's sessions from then on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from toolkit.values import VERSION, is_stamp, moment, stamp

Version = Annotated[str, Meta(pattern=rf"\A{VERSION.pattern}\Z")]

SHORT = 64  # entries: up to here nothing is left out that is not too old
CLOCKS = timedelta(hours=1)  # by how much the clocks of token issuers and of this machine may differ
LONG = 512  # entries: about 60 KB of state.json, which every worker reads


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """From `generation` on, `new` serves the sessions that `old` had."""

    old: Version = field(name="from")
    new: Version = field(name="to")
    generation: Annotated[int, Meta(ge=1)]
    at: str


Lineage = tuple[Entry, ...]


def problem_of(lineage: Sequence[Entry], generation: int) -> str | None:
    """What is wrong with a lineage in the state of this generation; None: nothing."""
    last = 1
    for entry in lineage:
        if not last <= entry.generation <= generation:
            return f"lineage: generation {entry.generation} is out of order"
        if not is_stamp(entry.at):
            return f"lineage: {entry.at} is not a time"
        if entry.old == entry.new:
            return f"lineage: {entry.old} goes to itself"
        last = entry.generation
    return None


def follow(lineage: Sequence[Entry], version: str, generation: int = 0) -> str:
    """Which version has the sessions that were `version`'s when the state had `generation`."""
    for entry in lineage:
        if entry.old == version and entry.generation > generation:
            version = entry.new
    return version


def extend(lineage: Lineage, gone: str, heir: str, generation: int, now: datetime) -> Lineage:
    """The lineage with one entry more: from `generation` on, `heir` has the sessions of `gone`."""
    return (*lineage, Entry(gone, heir, generation, stamp(now)))


def shorten(lineage: Lineage, now: datetime, longest: float) -> Lineage:
    """The lineage without entries that are older than any token (`longest`: a token's life, in seconds).

    Beyond SHORT entries, those that change nothing any more are removed too, the oldest first. An entry
    changes nothing where the entries after it lead its two versions to the same one; that stays so, because
    later entries move both alike. Beyond LONG entries, the oldest are removed.
    """
    oldest = now - timedelta(seconds=longest) - CLOCKS
    kept = [entry for entry in lineage if moment(entry.at) >= oldest]
    index = 0
    while len(kept) > SHORT and index < len(kept):
        entry, after = kept[index], kept[index + 1 :]
        if follow(after, entry.old) == follow(after, entry.new):
            del kept[index]
        else:
            index += 1
    return tuple(kept[-LONG:])
