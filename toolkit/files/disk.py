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
    full = "the disk is full" if error.errno == errno.ENOSPC else "the quota is used up"
    return Failed(f"{path} {what}", f"{full}: {error.strerror} below {mount_of(there)}", room(there))


def room(there: Path) -> str:
    """How to find what takes the space, and get some back."""
    from toolkit.config.engines import (
        NAMES,
    )  # here, because `bgctl --help` must not load the configuration's room

    first, *others = NAMES
    found = f"{first} system df, then: {first} image prune (or {' or '.join(others)})"
    return f"free some space: df -h {shlex.quote(str(there))}; {found}"


def mount_of(there: Path) -> Path:
    """Where its file system is mounted."""
    here = there.resolve()
    return next((each for each in (here, *here.parents) if each.is_mount()), here)
