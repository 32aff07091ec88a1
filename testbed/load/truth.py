"""The exact truth about who is active where, with which the session API's counts are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Count(NamedTuple):
    """Of one version: sessions, the users to whom they belong, and visitors."""

    sessions: int
    users: int
    visitors: int


@dataclass(slots=True)
class Entry:
    """A session (with a user) or a visitor, as of its last answered request. Times are Unix seconds."""

    sid: str
    user: str | None
    version: str
    last: float


class Truth:
    """Notes all answers.

    A session or visitor is active if it has not logged out and was answered less than `idle` seconds ago (0:
    at any time). It is on the version that answered it last.
    """

    def __init__(self, idle: float) -> None:
        self.idle = idle
        self._entries: dict[str, Entry] = {}
        self._events: dict[str, float] = defaultdict(float)
        self._gone: set[str] = set()

    def answered(self, sid: str, user: str | None, version: str, now: float) -> None:
        """Notes that a request of `sid` was answered by `version`. After a log-out that changes nothing."""
        if sid in self._gone:
            return
        before = self._entries.get(sid)
        if before is None or before.version != version or not self._active(before, now):
            self._events[version] = now
            if before is not None:
                self._events[before.version] = now
        self._entries[sid] = Entry(sid, user, version, now)

    def gone(self, sid: str, now: float) -> None:
        """Notes that `sid` has logged out, for good."""
        self._gone.add(sid)
        entry = self._entries.pop(sid)
        self._events[entry.version] = now

    def place(self, sid: str) -> str | None:
        entry = self._entries.get(sid)
        return entry.version if entry else None

    def active(self, now: float, *, visitors: bool = False) -> dict[str, set[str]]:
        """The ids of the active sessions, or of the active visitors, by version."""
        found: dict[str, set[str]] = {version: set() for version in self._events}
        for entry in self._entries.values():
            if (entry.user is None) == visitors and self._active(entry, now):
                found[entry.version].add(entry.sid)
        return found

    def counts(self, now: float) -> dict[str, Count]:
        """The counts of every version that has ever answered."""
        sessions, visitors = self.active(now), self.active(now, visitors=True)
        return {
            version: Count(
                len(sids), len({self._entries[sid].user for sid in sids}), len(visitors.get(version, ()))
            )
            for version, sids in sessions.items()
        }

    def changed(self, now: float) -> dict[str, float]:
        """When the set of the active ones last changed, by version: by a request, a log-out, or an expiry."""
        last = dict(self._events)
        for version, expiry in self._expiries():
            if expiry <= now:
                last[version] = max(last[version], expiry)
        return last

    def steady(self, now: float, before: float, after: float) -> bool:
        """Whether nothing has changed for `before` seconds, and nothing will expire for `after` more."""
        if any(now - event < before for event in self._events.values()):
            return False
        return not any(-before < expiry - now < after for _, expiry in self._expiries())

    def _active(self, entry: Entry, now: float) -> bool:
        return not self.idle or now - entry.last < self.idle

    def _expiries(self) -> Iterator[tuple[str, float]]:
        if self.idle:
            for entry in self._entries.values():
                yield entry.version, entry.last + self.idle
