"""Marks a directory as one in which a bgctl is at work, for whoever finds the lock file gone.

The mark is a shared flock on the directory. Any user of the machine may put one there, so a mark counts only
when its process belongs to root, to us, or to the owner of the directory. Where the kernel shows no locks
there is none.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def mark(folder: int) -> None:
    """Until the descriptor is closed. A stranger's exclusive lock keeps the mark away, and nothing else."""
    with suppress(BlockingIOError):
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)


def others(folder: int) -> bool:
    """Whether a process that counts has marked the directory."""
    directory = os.fstat(folder)
    trusted = {0, os.geteuid(), directory.st_uid}
    return any(_owner(pid) in trusted and _marks(pid, directory) for pid in _locking())


def _locking() -> set[int]:
    """The processes that have an flock on anything."""
    try:
        lines = (PROC / "locks").read_text().splitlines()
    except OSError:
        return set()
    fields = [line.split() for line in lines]
    return {int(each[4]) for each in fields if len(each) > 4 and each[1] == "FLOCK" and each[4].isdecimal()}


def _owner(pid: int) -> int | None:
    try:
        return (PROC / str(pid)).stat().st_uid
    except OSError:
        return None


def _marks(pid: int, directory: os.stat_result) -> bool:
    try:
        names = [each.name for each in (PROC / str(pid) / "fd").iterdir()]
    except OSError:  # it has ended, or is another user's whom we cannot look at
        return False
    return any(_is_mark(PROC / str(pid), name, directory) for name in names)


def _is_mark(process: Path, name: str, directory: os.stat_result) -> bool:
    try:
        same = os.path.samestat((process / "fd" / name).stat(), directory)
        return same and "\nlock:" in (process / "fdinfo" / name).read_text()
    except OSError:
        return False
