"""Replaces a file in one step: its readers see either the old text or the new one."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from toolkit.errors import Failed
from toolkit.files import disk

Owner = tuple[int, int]


class NotSynced(Failed):
    """The new file is in place and in force; only a power cut might still bring the old one back."""


def write(
    path: Path,
    data: bytes,
    like: os.stat_result | None = None,
    *,
    mode: int = 0o644,
    owner: Owner | None = None,
) -> None:
    """Raises Failed, with the old file intact, if the disk is full or broken; NotSynced once it is replaced.

    The file gets mode and owner of `like`, or else `mode` and `owner` (None: this process's). The temporary
    name is fixed, because the lock allows one writer only: what a killed run has left is overwritten.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        if like:
            mode, owner = stat.S_IMODE(like.st_mode), (like.st_uid, like.st_gid)
        _write_through(temporary, data, mode, owner)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise disk.unwritten(path, error) from None
    try:
        _sync_directory(path.parent)
    except OSError as error:
        why = f"{error}; it holds now, and a power cut could bring the old one back"
        raise NotSynced(
            f"{path} is written, but its folder could not be synced", why, "bgctl doctor"
        ) from None


def _write_through(path: Path, data: bytes, mode: int, owner: Owner | None) -> None:
    with path.open("wb") as file:
        os.fchmod(file.fileno(), mode)
        if owner and os.geteuid() == 0:
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
