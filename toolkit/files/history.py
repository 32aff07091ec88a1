"""state/history.jsonl, the audit log: one line for each change, appended and never rewritten."""

import os
from pathlib import Path

import msgspec
from msgspec import Struct, field

from toolkit.errors import Failed
from toolkit.files import disk


class Entry(Struct, frozen=True):
    """One change. `at` is a stamp, `seconds` how long it took; `old` and `new` are versions.

    `outcome` is done, failed, refused or interrupted.
    """

    at: str
    who: str
    command: str
    what: str
    old: str | None = field(name="from")
    new: str | None = field(name="to")
    generation: int | None
    seconds: float
    outcome: str
    why: str


def append(path: Path, entry: Entry) -> None:
    """Raises Failed when the disk is full or broken."""
    line = msgspec.json.encode(entry) + b"\n"
    try:
        with path.open("ab+") as file:
            file.write(_gap(file.fileno()) + line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk.unwritten(path, error) from None


def read(path: Path) -> list[Entry]:
    """All entries, the oldest first; a line that a crash has torn is left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failed(f"{path} cannot be read", str(error)) from None
    return [entry for line in lines if (entry := _decode(line))]


def _decode(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _gap(fd: int) -> bytes:
    """A newline when the last line was torn, so that the new one begins on its own."""
    size = os.fstat(fd).st_size
    return b"\n" if size and os.pread(fd, 1, size - 1) != b"\n" else b""
