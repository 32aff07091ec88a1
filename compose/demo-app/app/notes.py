"""The notes on the board, and the ledger of what was posted. Both live in this process and end with it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
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

    def __iter__(self) -> Iterator[Note]:
        """Newest first."""
        return reversed(self._notes)

    def post(self, key: str, author: str, text: str) -> int:
        """Pin a note once per key; return how often this process has now seen the key."""
        self._seen[key] = seen = self.seen(key) + 1
        if seen == 1:
            self._notes.append(Note(author, text, datetime.now(UTC)))
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return seen

    def seen(self, key: str) -> int:
        return self._seen.get(key, 0)
