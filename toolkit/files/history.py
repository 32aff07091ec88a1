"""state/history.jsonl, the audit log: one line for each change, appended and never rewritten."""

from pathlib import Path

import msgspec
from msgspec import Struct, field

from toolkit.files import json_lines
from toolkit.terminal.taken import Taken


class Entry(Struct, frozen=True, omit_defaults=True):
    """One change. `at` is the stamp of its end, `seconds` how long it took; `old` and `new` are versions.

    `outcome` is done, failed, refused or interrupted. `release` is the id of the release to which it belongs,
    `steps` are those of its runbook; earlier bgctls wrote neither.
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
    release: str | None = None
    steps: tuple[Taken, ...] = ()


def append(path: Path, entry: Entry) -> None:
    """Raises Failed when the disk is full or broken."""
    json_lines.append(path, msgspec.json.encode(entry))


def read(path: Path) -> list[Entry]:
    """All entries, the oldest first; a line that a crash has torn is left out."""
    return [entry for line in json_lines.read(path) if (entry := _decode(line))]


def _decode(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
