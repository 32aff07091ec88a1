"""Reads the newest lines of state/history.jsonl, to which bgctl appends."""

import os
from pathlib import Path

import msgspec

TAIL = 16 * 1024  # bytes: some 60 entries, however long the file has become


class Entry(msgspec.Struct, frozen=True):
    """One change: who made it, with which command, and how it ended; `seconds` is how long it took."""

    at: str
    who: str
    command: str
    what: str
    outcome: str
    why: str = ""
    seconds: float = 0
    old: str | None = msgspec.field(name="from", default=None)
    new: str | None = msgspec.field(name="to", default=None)


def recent(path: Path, limit: int) -> list[Entry] | None:
    """The newest entries first; None if the file cannot be read. A line that a crash has torn is left out."""
    try:
        lines = _tail(path).splitlines()
    except FileNotFoundError:
        return []
    except OSError:
        return None
    return [entry for line in reversed(lines) if (entry := _decode(line))][:limit]


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        return file.read(TAIL)  # may begin within a line: that is one more torn line


def _decode(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
