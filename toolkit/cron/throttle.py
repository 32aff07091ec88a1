"""What went wrong for cron, noted so that it is said once an hour and not once a minute."""

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolkit.errors import Failed
from toolkit.files import atomic
from toolkit.files.atomic import NotSynced

PATIENCE = 300.0  # seconds for what often ends by itself
AGAIN = 3600.0


class Note(Struct, frozen=True):
    """`since` and `said` are Unix times; `said` is 0 while nobody has been told."""

    what: str
    since: float
    said: float = 0


def judge(before: Note | None, what: str, now: float, patience: float) -> tuple[Note, bool]:
    """The new note, and whether to say it now."""
    same = before is not None and before.what == what and before.since <= now
    note = before if before and same else Note(what, now)
    due = now >= note.since + patience and (not note.said or now >= note.said + AGAIN or note.said > now)
    return (replace(note, said=now), True) if due else (note, False)


def due(path: Path, what: str, now: float, patience: float = 0) -> bool:
    """Whether to say it now. What cannot be noted is said."""
    note, say = judge(_read(path), what, now, patience)
    try:
        atomic.write(path, msgspec.json.encode(note) + b"\n")
    except NotSynced:
        return say
    except Failed:
        return True
    return say


def forget(path: Path) -> None:
    """All is well."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _read(path: Path) -> Note | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except (OSError, ValueError):
        return None
