"""A lock that processes hand on, and which file lies at a path."""

import fcntl
import os
import time
from pathlib import Path

NAP = 0.001  # seconds between two looks at the lock of another process
LONGEST = 48  # bytes of what the lock's file says
Identity = tuple[int, int] | None


def identity(path: Path) -> Identity:
    """Device and inode; None where there is no file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


class Handoff:
    """A lock among processes, which the system drops when its holder dies. One thread at a time uses it.

    Its file says for whom: which file it was that the holders have opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self, patience: float) -> bool:
        """Whether it was got within so many seconds. Raises OSError."""
        until = time.monotonic() + patience
        while not self._got():
            if time.monotonic() > until:
                return False
            time.sleep(NAP)
        return True

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def said(self) -> Identity:
        """For which file the lock was held last. The caller holds it, as for `say`."""
        words = os.pread(self._file, LONGEST, 0).split() if self._file is not None else []
        return (int(words[0]), int(words[1])) if len(words) == 2 else None

    def say(self, held: Identity) -> None:
        if self._file is not None and held is not None:
            os.pwrite(self._file, f"{held[0]} {held[1]}".ljust(LONGEST).encode(), 0)

    def _got(self) -> bool:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        stat = os.fstat(self._file)
        if identity(self._path) == (stat.st_dev, stat.st_ino):
            return True
        self.close()  # it was removed, and others may hold one that was made since
        return False
