"""Where the sessions of a version went when it was taken out of service: the lineage in state.json.

A token says the version of its log-in for days, and meanwhile that version may be promoted away, taken back,
and come again under the same name. An entry says which version has what `old` had until then.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from toolkit.values import VERSION, is_stamp, moment, stamp

Version = Annotated[str, Meta(pattern=rf"\A{VERSION.pattern}\Z")]

SHORT = 64  # entries: up to here nothing is left out that is not too old
CLOCKS = timedelta(hours=1)  # by which those who issue tokens and this machine may differ
LONG = 512  # entries: about 60 KB of state.json, which every worker reads


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """From `generation` on, `new` serves the sessions that `old` had."""

    old: Version = field(name="from")
    new: Version = field(name="to")
    generation: Annotated[int, Meta(ge=1)]
    at: str


Lineage = tuple[Entry, ...]


def problem_of(lineage: Sequence[Entry], generation: int) -> str | None:
    """`generation` is that of the state in which it stands."""
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
    """With an entry that says: from `generation` on, `heir` has what `gone` had."""
    return (*lineage, Entry(gone, heir, generation, stamp(now)))


def shorten(lineage: Lineage, now: datetime, longest: float) -> Lineage:
    """Without what is older than any token (`longest`: the longest life of one, in seconds).

    Beyond SHORT entries, those that change nothing any more go too, the oldest first. An entry changes
    nothing where its two versions end up as one by the entries after it; that stays so, because whatever
    comes later moves both alike. Beyond LONG, the oldest go.
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
