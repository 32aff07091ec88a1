"""One SQLite file: its schema, a connection for each thread, and turns at writing.

A rollback journal rather than WAL: before SQLite 3.51.3, WAL with several writers could corrupt the file.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from session_api.stores.store import StoreBusyError, StoreError

SCHEMA_VERSION = 4
CACHE = 8 * 1024  # KiB for each connection: a batch of activity touches pages all over the file
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteFile:
    """`busy_timeout` is in seconds; `opened` is called with each new connection."""

    def __init__(self, path: Path, busy_timeout: float, opened: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._opened = opened
        self._thread = threading.local()
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close this thread's connection, if it has one; the next use opens another."""
        connection = self._thread.__dict__.pop("connection", None)
        if connection:
            connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction while no other thread of this process writes.

        SQLite waits for a lock by napping and trying again: with many at the door, some are never lucky.
        """
        if not self._turn.acquire(timeout=self._busy_timeout):
            raise StoreBusyError(f"{self._path} is busy: no turn within {self._busy_timeout:g} s")
        try:
            with self.connect() as db:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
        finally:
            self._turn.release()

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, in autocommit mode; whatever goes wrong inside leaves as a StoreError."""
        try:
            yield self._connection()
        except (sqlite3.Error, OSError) as error:
            self.close()  # rolls back, and a file that was replaced or mended is opened afresh
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in BUSY:
                raise StoreBusyError(f"{self._path} is locked: {error}") from error
            raise StoreError(f"{self._path}: {error}") from error
        except BaseException:
            self.close()
            raise

    def _connection(self) -> sqlite3.Connection:
        if self._thread.__dict__.get("identity") != self._identity():
            self.close()
        if "connection" not in self._thread.__dict__:
            self._thread.connection = self._open()
            self._thread.identity = self._identity()
        return self._thread.connection  # type: ignore[no-any-return]  # a thread-local knows no types

    def _identity(self) -> tuple[int, int] | None:
        """Which file lies at the path now: writing to one that was removed would lose sessions."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        return stat.st_dev, stat.st_ino

    def _open(self) -> sqlite3.Connection:
        # Made by us first, because SQLite would let everyone on the machine read the e-mail addresses.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o640))
        connection = sqlite3.connect(self._path, timeout=self._busy_timeout, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{CACHE}")
            if self._schema(connection) < SCHEMA_VERSION:
                self._migrate(connection)
            self._opened(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _schema(self, connection: sqlite3.Connection) -> int:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > SCHEMA_VERSION:
            raise StoreError(f"{self._path} has schema {found}; this program knows {SCHEMA_VERSION}")
        return int(found)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """One transaction, and the version is read again inside: another process may have been first."""
        connection.execute("BEGIN IMMEDIATE")
        for number in range(self._schema(connection) + 1, SCHEMA_VERSION + 1):
            script = resources.files(__package__).joinpath("schema", f"{number}.sql").read_text()
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """A script's statements; executescript() would commit before the first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
