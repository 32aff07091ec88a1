"""The ship's log: what has happened in this process, newest last. It ends with the process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

KEPT = 40


@dataclass(frozen=True, slots=True)
class Entry:
    who: str
    what: str
    at: datetime

    def as_dict(self) -> dict[str, str]:
        return {"who": self.who, "what": self.what, "at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Logbook:
    """The entries that the log page shows."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[Entry]:
        """Newest first."""
        return reversed(self._entries)

    def enter(self, who: str, what: str) -> None:
        self._entries.append(Entry(who, what, datetime.now(UTC)))
