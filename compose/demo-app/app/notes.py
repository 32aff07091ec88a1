"""The notes on the board, and the ledger of what was posted. Both are this process's own, and end with it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

SHOWN = 30
REMEMBERED = 100_000
LONGEST = 280


@dataclass(frozen=True, slots=True)
class Note:
    author: str
    text: str
    at: datetime

    def as_dict(self) -> dict[str, str]:
        return {"author": self.author, "text": self.text, "at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Board:
    """The newest notes, and how often each idempotency key has arrived here."""

    def __init__(self) -> None:
        self._notes: deque[Note] = deque(maxlen=SHOWN)
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._waiting: set[asyncio.Event] = set()

    def __iter__(self) -> Iterator[Note]:
        """Newest first."""
        return reversed(self._notes)

    @property
    def newest(self) -> Note | None:
        return self._notes[-1] if self._notes else None

    @property
    def ledger(self) -> Mapping[str, int]:
        """How often each key has arrived here."""
        return self._seen

    def post(self, key: str, author: str, text: str) -> int:
        """Pins a note, once for each key; returns how often this process has now seen the key."""
        seen = self.arrived(key)
        if seen == 1:
            self._notes.append(Note(author, text, datetime.now(UTC)))
            for event in self._waiting:
                event.set()
        return seen

    def arrived(self, key: str) -> int:
        """Enters a key into the ledger; returns how often this process has now seen it."""
        self._seen[key] = seen = self.seen(key) + 1
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return seen

    def seen(self, key: str) -> int:
        return self._seen.get(key, 0)

    @contextmanager
    def heard(self, event: asyncio.Event) -> Iterator[None]:
        """Sets the event when a note is pinned."""
        self._waiting.add(event)
        try:
            yield
        finally:
            self._waiting.discard(event)
