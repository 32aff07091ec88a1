"""Replaces a file in one step: whoever reads it sees the old text or the new one."""

import os
from pathlib import Path

from toolkit.errors import Failed


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Raises Failed, with the old file intact, when the disk is full or broken.

    There is one writer (the lock), so the temporary name is fixed: a killed run's leftover is overwritten.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _write_through(temporary, data, mode)
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Failed(f"{path} could not be written", str(error), "bgctl doctor") from None


def _write_through(path: Path, data: bytes, mode: int) -> None:
    with path.open("wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
