"""Reads the newest lines of state/history.jsonl, to which bgctl appends."""

import os
from pathlib import Path

import msgspec

TAILS = (
    16 * 1024,
    256 * 1024,
)  # bytes: a line has some hundred, one with the steps of a release some thousand


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
    found: list[Entry] = []
    try:
        for most in TAILS:
            lines = _tail(path, most).splitlines()
            found = [entry for line in reversed(lines) if (entry := _decode(line))][:limit]
            if len(found) == limit:
                break
    except FileNotFoundError:
        return []
    except OSError:
        return None
    return found


def _tail(path: Path, most: int) -> bytes:
    """At most so many bytes, however long the file has become."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - most))
        return file.read(most)  # may begin within a line: that is one more torn line


def _decode(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
