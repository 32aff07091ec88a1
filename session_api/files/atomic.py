"""Replaces a file in one step: a reader sees the old content or the new one, never a part of it.

bgctl writes its own files with this, too (toolkit's `atomic` adds its error texts). Imports nothing heavy.
"""

import os
from contextlib import suppress
from pathlib import Path

Owner = tuple[int, int]  # uid, gid


class NotSyncedError(OSError):
    """The new file is in place, but its folder was not synced: a power cut could bring the old one back."""


def write(path: Path, data: bytes, *, mode: int, owner: Owner | None = None) -> None:
    """Write `data` durably. `owner` needs root; without it the file is the caller's.

    Raises OSError, with the old file intact, when the disk is full or broken; NotSyncedError when the new
    file is in force already. There is one writer at a time (bgctl's lock), so the temporary name is fixed:
    the leftover of a killed run is overwritten.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _write_through(temporary, data, mode, owner)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    try:
        _sync_directory(path.parent)
    except OSError as error:
        raise NotSyncedError(*error.args) from error


def _write_through(path: Path, data: bytes, mode: int, owner: Owner | None) -> None:
    # Nobody but us may read it before mode and owner are set: it may hold a private key.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        if owner:
            os.fchown(file.fileno(), *owner)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
