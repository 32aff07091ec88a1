"""What cannot be written, and why: above all a disk that is full, which is named as such."""

import errno
import shlex
from pathlib import Path

from toolkit.errors import Failed

FULL = (errno.ENOSPC, errno.EDQUOT)


def unwritten(path: Path, error: OSError, what: str = "could not be written") -> Failed:
    """The error to raise. What is there of `path` is asked for its file system."""
    if error.errno not in FULL:
        return Failed(f"{path} {what}", str(error), "bgctl doctor")
    there = next((each for each in (path, *path.parents) if each.is_dir()), path.parent)
    why = f"the disk is full: no space left on device below {mount_of(there)}"
    if error.errno == errno.EDQUOT:
        why = f"your quota is used up below {mount_of(there)}"
    return Failed(f"{path} {what}", why, room(there))


def room(there: Path) -> str:
    """How to find what takes the space, and get some back."""
    found = "docker system df, then: docker image prune (or podman)"
    return f"free some space: df -h {shlex.quote(str(there))}; {found}"


def mount_of(there: Path) -> Path:
    """Where its file system is mounted."""
    here = there.resolve()
    return next((each for each in (here, *here.parents) if each.is_mount()), here)
