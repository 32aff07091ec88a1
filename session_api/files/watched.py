"""A value that is read from files: read again when they change, and kept while the newer files are bad."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from session_api.errors import SetupError

log = logging.getLogger(__name__)
T = TypeVar("T")
Stamp = tuple[tuple[int, ...] | None, ...]


class Watched(Generic[T]):
    """While nothing changes, `get()` costs a stat per file. Safe among threads: a race only parses twice."""

    def __init__(self, paths: Sequence[Path], load: Callable[[], T]) -> None:
        self._paths = paths
        self._load = load
        self._seen: Stamp | None = None
        self._good: list[T] = []  # empty, or the last good value: T itself may be None
        self.error: SetupError | None = None

    def get(self) -> T:
        """The newest good value. Raises SetupError while there has never been one."""
        stamp = tuple(_stamp(path) for path in self._paths)
        if stamp != self._seen:
            self._reload(stamp)
        if not self._good:
            raise self.error or SetupError("nothing was loaded", "report this as a bug")
        return self._good[0]

    def _reload(self, stamp: Stamp) -> None:
        try:
            self._good, self.error = [self._load()], None
        except SetupError as error:
            self.error = error
            if self._good:
                log.warning("refused, the last good one stays in use: %s", error.what)
        # Set after the value: a thread that sees the new stamp must see the new value, too.
        self._seen = stamp


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
