"""From the lines of the history to stories: all that was done for one release, told together.

Lines name their release since bgctl writes its id. Older ones, and those of a candidate that never started,
are put together by their versions. What belongs to no release is a story of one line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from toolkit.files.history import Entry
from toolkit.observe.seen import Seen
from toolkit.terminal.taken import Taken
from toolkit.values import is_version, moment, stamp

Outcome = Literal["released", "taken back", "not started", "under way", "unfinished", "interrupted"]
LEAST = 2.0  # seconds: a shorter gap between two changes is none, for stamps are whole seconds
UP_GREEN = "up-green "
WAITS = {"route canary": "canary", "route enable-green": "drain", "route disable-blue": "drain"}


class Part(Struct, frozen=True, rename="camel"):
    """A change of a story, or a wait between two, which has no `who`. `at` is the stamp of its begin."""

    at: str
    seconds: float
    what: str
    who: str = ""
    outcome: str = ""
    why: str = ""
    steps: tuple[Taken, ...] = ()


class Story(Struct, frozen=True, rename="camel"):
    """A release from `old` to `new`, or one other change: then `new` is None, and `outcome` that change's.

    `release` is its id. `ended` None: it is under way. `seen` None: nothing is known of what users saw.
    `logs` are the versions of whose containers the last lines are kept. `changes` are the history's lines.
    """

    old: str | None
    new: str | None
    outcome: str
    began: str
    ended: str | None
    seconds: float
    who: tuple[str, ...]
    parts: tuple[Part, ...]
    changes: tuple[Entry, ...]
    release: str | None = None
    seen: Seen | None = None
    logs: tuple[str, ...] = ()


@dataclass
class _Draft:
    """A story while its lines are put together."""

    new: str | None
    old: str | None = None
    release: str | None = None
    entries: list[Entry] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return any(_is_done(each, "promote") or _is_done(each, "rollback") for each in self.entries)

    def takes(self, entry: Entry, version: str) -> bool:
        """Whether a line goes on with this story."""
        if self.release and entry.release:
            return self.release == entry.release
        if self.new != version or (entry.old and self.old and entry.old != self.old):
            return False
        return not self.over or (entry.what == "rollback" and not entry.release)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.old, self.release = self.old or entry.old, self.release or entry.release


def stories(entries: Sequence[Entry], current: str | None = None) -> list[Story]:
    """The oldest first. `current` is the id of the release that is under way."""
    drafts: list[_Draft] = []
    for entry in entries:
        version = _version(entry)
        mine = _of_release(drafts, entry, version) if version else None
        if mine is None:
            mine = _Draft(version)
            drafts.append(mine)
        mine.add(entry)
    last = next((each for each in reversed(drafts) if each.new), None)
    return [_told(each, current, each is last) for each in drafts]


def _of_release(drafts: Sequence[_Draft], entry: Entry, version: str) -> _Draft | None:
    releases = [each for each in reversed(drafts) if each.new]
    if entry.release and (known := [each for each in releases if each.release == entry.release]):
        return known[0]
    return releases[0] if releases and releases[0].takes(entry, version) else None


def _version(entry: Entry) -> str | None:
    """The version that is released; also of an `up-green` that came to nothing, and so left none."""
    if entry.new:
        return entry.new if entry.new != entry.old else None  # a restart brings no other version
    named = entry.what.removeprefix(UP_GREEN)
    return named if entry.what.startswith(UP_GREEN) and is_version(named) else None


def _told(draft: _Draft, current: str | None, is_last: bool) -> Story:
    entries = draft.entries
    outcome = _outcome(draft, current, is_last) if draft.new else entries[0].outcome
    parts = _parts(entries)
    ended = None if outcome == "under way" else entries[-1].at
    return Story(
        draft.old,
        draft.new,
        outcome,
        parts[0].at,
        ended,
        _seconds(entries, parts),
        tuple(dict.fromkeys(each.who for each in entries)),
        parts,
        tuple(entries),
        draft.release,
    )


def _outcome(draft: _Draft, current: str | None, is_last: bool) -> Outcome:
    for entry in reversed(draft.entries):
        if _is_done(entry, "promote"):
            return "released"
        if _is_done(entry, "rollback") and draft.release != (current or ""):
            return "taken back"
    if current and draft.release in (current, None) and is_last:
        return "under way"
    if not any(each.new for each in draft.entries):
        return "not started"
    return "interrupted" if draft.entries[-1].outcome == "interrupted" else "unfinished"


def _is_done(entry: Entry, what: str) -> bool:
    return entry.what == what and entry.outcome == "done"


def _parts(entries: Sequence[Entry]) -> tuple[Part, ...]:
    """The changes in their order, and what was waited for between them."""
    parts: list[Part] = []
    until: datetime | None = None
    for entry in entries:
        began, ended = _times(entry)
        gap = (began - until).total_seconds() if began and until else 0.0
        if until and gap >= LEAST:
            parts.append(Part(stamp(until), gap, _waited_for(parts)))
        at = stamp(began) if began else entry.at
        parts.append(Part(at, entry.seconds, entry.what, entry.who, entry.outcome, entry.why, entry.steps))
        until = max(filter(None, (ended, until)), default=None)
    return tuple(parts)


def _times(entry: Entry) -> tuple[datetime | None, datetime | None]:
    """When a change began and ended; None where its stamp is none."""
    try:
        ended = moment(entry.at)
        return ended - timedelta(seconds=entry.seconds), ended
    except (ValueError, OverflowError):
        return None, None


def _seconds(entries: Sequence[Entry], parts: Sequence[Part]) -> float:
    """From the first change's begin to the last one's end."""
    began, ended = _times(entries[0])[0], _times(entries[-1])[1]
    if began is None or ended is None or ended < began:
        return round(sum(each.seconds for each in parts), 3)
    return round((ended - began).total_seconds(), 3)


def _waited_for(parts: Sequence[Part]) -> str:
    """What a gap is, by the last change that was done before it."""
    for part in reversed(parts):
        if part.outcome == "done":
            return next((word for what, word in WAITS.items() if part.what.startswith(what)), "wait")
    return "wait"
