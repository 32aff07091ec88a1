"""One SQLite file: a connection for each thread that reads, one for all that write, and turns at writing.

Writers append to a write-ahead log (WAL). Before SQLite 3.51.3 that could damage the file where two
connections write, or move the log into the file, at the same moment. Here no two do: threads of this process
take turns, and processes take turns at a lock of our own (decision record 80).
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from session_api.stores.sqlite import opening
from session_api.stores.sqlite.handoff import Handoff, Identity, identity
from session_api.stores.store import StoreBusyError, StoreError

READ_CACHE = 1024  # KiB for each connection that reads: counts lie on few pages
WRITE_CACHE = 32 * 1024  # KiB of the one that writes: a batch of activity touches pages all over the file
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
Opened = Callable[[sqlite3.Connection], None]


class Handle:
    """A connection, and of which file it is: writing to one that was removed would lose sessions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self.identity: Identity = None  # of the file that was opened last

    def is_open(self) -> bool:
        """Whether there is a connection to the file that lies at the path now."""
        return self._connection is not None and self.identity == identity(self._path)

    def get(self, fresh: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """The connection; from `fresh` where there is none, or where another file lies at the path now."""
        if self._connection and self.is_open():
            return self._connection
        self.close()
        self._connection = fresh()
        self.identity = identity(self._path)
        return self._connection

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


class SqliteFile:
    """`busy_timeout` is in seconds; `opened` is called with the connection that writes, when it is new."""

    def __init__(self, path: Path, busy_timeout: float, opened: Opened) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._opened = opened
        self._thread = threading.local()
        self._writer = Handle(path)
        self._turn = threading.Lock()
        self._lock = Handoff(path.with_name(path.name + "-lock"))

    def close(self) -> None:
        """Close this thread's connection, and the one that writes; the next use opens others.

        All that is in the write-ahead log moves into the file, unless someone reads from it just now.
        """
        self._reader().close()
        with self._turn:
            if self._writer.is_open():
                with suppress(StoreError), self._errors(self._writer), self._alone():
                    self._writer.get(self._open_writer).execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._writer.close()
            self._lock.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction while no one else writes; on the disk when this returns. Raises StoreError."""
        with self._our_turn(), self._errors(self._writer), self._alone():
            db = self._writer.get(self._open_writer)
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, in autocommit mode; whatever goes wrong inside leaves as a StoreError."""
        handle = self._reader()
        with self._errors(handle):
            yield handle.get(self._open_reader)

    def failed(self, error: Exception) -> StoreError:
        """What callers hear of an error of SQLite or of the file system."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in BUSY:
            return StoreBusyError(f"{self._path} is locked: {error}")
        return StoreError(f"{self._path}: {error}")

    @contextmanager
    def _errors(self, handle: Handle) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            handle.close()  # rolls back, and a file that was replaced or mended is opened afresh
            raise self.failed(error) from error
        except BaseException:
            handle.close()
            raise

    @contextmanager
    def _our_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self._busy_timeout):
            raise self._busy()
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other process writes."""
        if not self._lock.acquire(self._busy_timeout):
            raise self._busy()
        try:
            yield
        finally:
            self._lock.release()

    def _busy(self) -> StoreBusyError:
        return StoreBusyError(f"{self._path} is busy: no turn within {self._busy_timeout:g} s")

    def _reader(self) -> Handle:
        if "handle" not in self._thread.__dict__:
            self._thread.handle = Handle(self._path)
        return self._thread.handle  # type: ignore[no-any-return]  # a thread-local knows no types

    def _open_reader(self) -> sqlite3.Connection:
        with self._our_turn(), self._errors(self._writer), self._alone():
            self._writer.get(self._open_writer)  # there is a file, and it has the schema of today
        return opening.reader(self._path, self._busy_timeout, READ_CACHE)

    def _open_writer(self) -> sqlite3.Connection:
        now = identity(self._path)
        if self._writer.identity not in (None, now) and self._lock.said() == self._writer.identity:
            opening.drop_log(self._path)  # another file was put here, and no process has noticed before
        connection = opening.writer(self._path, self._busy_timeout, WRITE_CACHE)
        self._lock.say(identity(self._path))
        try:
            self._opened(connection)
        except BaseException:
            connection.close()
            raise
        return connection
