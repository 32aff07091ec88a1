"""Replaces a file in one step: whoever reads it sees the old text or the new one."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from toolkit.errors import Failed
from toolkit.files import disk

Owner = tuple[int, int]


class NotSynced(Failed):
    """The new file is in place and holds from now on; only a power cut might still bring the old one back."""


def write(
    path: Path,
    data: bytes,
    like: os.stat_result | None = None,
    *,
    mode: int = 0o644,
    owner: Owner | None = None,
) -> None:
    """Raises Failed, with the old file intact, when the disk is full or broken; NotSynced once it is new.

    `like` gives mode and owner; without it the file has `mode`, and is ours or `owner`'s. There is one writer
    (the lock), so the temporary name is fixed: a killed run's leftover is overwritten.
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
