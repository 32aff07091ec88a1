"""Opens an SQLite file as the store needs it: its journal, its schema, and who may read it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from importlib import resources
from pathlib import Path

from session_api.stores.store import StoreError

SCHEMA_VERSION = 5
PAGE = 1024  # bytes of a new file: a row of activity dirties a page or two, and whole pages go to the disk
CHECKPOINT = 16 * 1024  # pages in the write-ahead log after which they move into the file
LEAST_SPACE = 2  # times its own size that a file needs on its disk to be written anew


def reader(path: Path, patience: float, cache: int) -> sqlite3.Connection:
    """A connection for reading a file that `writer` has prepared. `cache` is in KiB."""
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{cache}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def writer(path: Path, patience: float, cache: int) -> sqlite3.Connection:
    """The one connection that writes; threads use it in turn. The caller holds the lock of all writers."""
    _create(path)
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        found = schema(connection, path)
        if found < SCHEMA_VERSION:
            _repage(connection, path)
        # A file system without shared memory keeps the journal that it has: slower, and as safe.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{cache}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        connection.execute(f"PRAGMA journal_size_limit = {4 * CHECKPOINT * PAGE}")
        if found < SCHEMA_VERSION:
            _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def schema(connection: sqlite3.Connection, path: Path) -> int:
    """The number of the file's schema, 0 for an empty file. Raises StoreError for one of a newer program."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > SCHEMA_VERSION:
        raise StoreError(f"{path} has schema {found}; this program knows {SCHEMA_VERSION}")
    return int(found)


def drop_log(path: Path) -> None:
    """Remove what SQLite keeps beside a file that is there no more: it would be taken for the new file's."""
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)


def _create(path: Path) -> None:
    """Made by us first, because SQLite would let everyone on the machine read the e-mail addresses.

    A file that exists is not opened here: closing it would drop the locks that SQLite has on it elsewhere in
    this process (fcntl(2): they belong to the process, and go with the first descriptor that is closed).
    Where it was removed, so is what SQLite keeps beside it: a log of the old file is none of the new one's.
    """
    if path.exists():
        return
    drop_log(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640))


def _repage(connection: sqlite3.Connection, path: Path) -> None:
    """Give the file small pages. An old one is written anew for it, if the disk has room: else it stays."""
    disk = os.statvfs(path)
    if path.stat().st_size * LEAST_SPACE > disk.f_bavail * disk.f_frsize:
        return
    connection.execute(f"PRAGMA page_size = {PAGE}")
    with suppress(sqlite3.OperationalError):  # another process has it open, or the disk is full after all
        connection.execute("VACUUM")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """One transaction, and the version is read again inside: another process may have been first."""
    connection.execute("BEGIN IMMEDIATE")
    for number in range(schema(connection, path) + 1, SCHEMA_VERSION + 1):
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
