"""What the agent wrote last, and its number: known again after a restart, wherever it was killed.

agent.json, beside state.json, is written first. It has the number and the digest of the new text, and those
of the one before: so the file itself says, by its digest, which of both it is.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from session_api.cluster.document import NONE, Document, Number, digest
from session_api.errors import SetupError
from session_api.files import atomic

NOTE = "agent.json"
MODE = 0o644  # proxy and session API run as other users


class Written(msgspec.Struct, frozen=True):
    """One text that was, or was about to be, written."""

    fence: int
    generation: int
    digest: str

    @property
    def number(self) -> Number:
        return Number(self.fence, self.generation)


class Note(msgspec.Struct, frozen=True):
    """agent.json."""

    written: Written
    before: Written | None = None


class Last:
    """`number` is that of the newest text that was written here. `whole`: it is still what the file has."""

    def __init__(self, state: Path) -> None:
        """Raises SetupError where it cannot be known: an older document could replace a newer one."""
        self._state, self._note = state, state.with_name(NOTE)
        self._written = Written(*NONE, "")
        self.whole = False
        if note := self._noted():
            self._written = note.written
            there = digest(self.text() or b"")
            for each in (note.written, note.before):
                if each and each.digest == there:
                    self._written, self.whole = each, True
                    break

    @property
    def number(self) -> Number:
        return self._written.number

    def text(self) -> bytes | None:
        """What the file has; None: it cannot be read."""
        try:
            return self._state.read_bytes()
        except OSError:
            return None

    def wants(self, document: Document) -> bool:
        """Whether to write a document: never an older one, and the same one only where the file lacks it."""
        number = document.number
        return number > self.number or (number == self.number and not self.whole)

    def denies(self, document: Document) -> bool:
        """Whether a document is another one than ours, under the same number."""
        ours = self._written
        return (
            document.number == ours.number and self.whole and digest(document.state.encode()) != ours.digest
        )

    def write(self, document: Document) -> None:
        """Raises OSError, with the old file intact."""
        text = document.state.encode()
        new = Written(*document.number, digest(text))
        self._replace(self._note, msgspec.json.encode(Note(new, self._written if self.whole else None)))
        self._replace(self._state, text)
        self._written, self.whole = new, True

    def _replace(self, path: Path, data: bytes) -> None:
        with suppress(atomic.NotSyncedError):  # it is in force, and what a power cut undoes is written again
            atomic.write(path, data, mode=MODE)

    def _noted(self) -> Note | None:
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=Note)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            what = f"{self._note} cannot be used: {error}"
            raise SetupError(what, "remove it; then what Redis has is taken, be it older or not") from None
