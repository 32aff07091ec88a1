"""Whether a process still holds a lock file that has been deleted or moved aside, by /proc.

A process may lock any file that it can open. So a file counts only if it was in the directory and is closed
to other users: only a process that may act for the project can have that one open.
"""

import os
import stat
from pathlib import Path

PROC = Path("/proc")


def is_held(folder: int) -> bool:
    """Whether a process holds a lock file of the open directory `folder` that is not there any more."""
    where = f"{(PROC / 'self' / 'fd' / str(folder)).readlink()}/"
    here = {entry.inode() for entry in os.scandir(folder) if entry.name == "lock"}
    device = os.fstat(folder).st_dev
    return any(_holds(pid, where, device, here) for pid in _locking())


def _locking() -> set[int]:
    """The ids of the processes that hold an flock on any file."""
    try:
        lines = (PROC / "locks").read_text().splitlines()
    except OSError:
        return set()
    fields = [line.split() for line in lines]
    return {int(each[4]) for each in fields if len(each) > 4 and each[1] == "FLOCK" and each[4].isdecimal()}


def _holds(pid: int, where: str, device: int, here: set[int]) -> bool:
    process = PROC / str(pid)
    try:
        names = [each.name for each in (process / "fd").iterdir()]
    except OSError:  # it has ended, or is another user's whom we cannot look at
        return False
    return any(_is_such_a_lock(process, name, where, device, here) for name in names)


def _is_such_a_lock(process: Path, name: str, where: str, device: int, here: set[int]) -> bool:
    try:
        if not str((process / "fd" / name).readlink()).startswith(where):
            return False
        found = (process / "fd" / name).stat()
        closed = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o007
        gone = found.st_dev == device and found.st_ino not in here
        return closed and gone and "\nlock:" in (process / "fdinfo" / name).read_text()
    except OSError:
        return False
