"""The error for a file that cannot be written; a full disk is named as such."""

import errno
import shlex
from pathlib import Path

from toolkit.errors import Failed

FULL = (errno.ENOSPC, errno.EDQUOT)


def unwritten(path: Path, error: OSError, what: str = "could not be written") -> Failed:
    """The error to raise. `path` need not exist: the nearest folder above it has the file system."""
    if error.errno not in FULL:
        return Failed(f"{path} {what}", str(error), "bgctl doctor")
    there = next((each for each in (path, *path.parents) if each.is_dir()), path.parent)
    full = "the disk is full" if error.errno == errno.ENOSPC else "the quota is used up"
    return Failed(f"{path} {what}", f"{full}: {error.strerror} below {mount_of(there)}", room(there))


def room(there: Path) -> str:
    """The commands that find out what takes the space, and free some."""
    from toolkit.config.engines import NAMES  # `bgctl --help` is to load no configuration

    first, *others = NAMES
    found = f"{first} system df, then: {first} image prune (or {' or '.join(others)})"
    return f"free some space: df -h {shlex.quote(str(there))}; {found}"


def mount_of(there: Path) -> Path:
    """The mount point of a folder's file system."""
    here = there.resolve()
    return next((each for each in (here, *here.parents) if each.is_mount()), here)
