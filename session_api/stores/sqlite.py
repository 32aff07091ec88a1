"""Sessions in one SQLite file: no server, and safe among the threads and processes of one host.

A rollback journal rather than WAL: before SQLite 3.51.3, WAL with several writers could corrupt the file.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from session_api.clock import Clock
from session_api.stores import Census, Session, StoreBusyError, StoreError, VersionCount

SCHEMA_VERSION = 1
PURGE_AFTER = 86400  # seconds past expiry, far more than any leeway: an ended session must not come back
PURGE_BATCH = 50
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

COLUMNS = "sid, user_id, email, version, created_at, last_activity, expires_at"
VALUES = ":sid, :user_id, :email, :version, :created_at, :last_activity, :expires_at"
LIVE = "ended_at IS NULL AND sessions.expires_at > :now AND sessions.last_activity > :idle_since"

# ruff: noqa: S608 -- statements are put together from these constants; what comes from outside is a parameter
ADD = f"INSERT INTO sessions ({COLUMNS}) VALUES ({VALUES})"
PURGE = """DELETE FROM sessions WHERE sid IN (
    SELECT sid FROM sessions WHERE expires_at < :horizon ORDER BY expires_at LIMIT :batch)"""
FIND = f"SELECT {COLUMNS}, {LIVE} FROM sessions WHERE sid = :sid AND user_id = :user_id"
RESUME = f"""INSERT INTO sessions ({COLUMNS}) SELECT {VALUES} WHERE :expires_at > :now
    ON CONFLICT (sid) DO UPDATE SET
        version = excluded.version,
        last_activity = max(last_activity, excluded.last_activity),
        expires_at = max(expires_at, excluded.expires_at)
    WHERE {LIVE} AND user_id = excluded.user_id
    RETURNING {COLUMNS}"""
END = f"""INSERT INTO sessions ({COLUMNS}, ended_at) VALUES ({VALUES}, :now)
    ON CONFLICT (sid) DO UPDATE SET ended_at = excluded.ended_at
    WHERE ended_at IS NULL AND user_id = excluded.user_id
    RETURNING sid"""
COUNT_USERS = f"SELECT count(DISTINCT user_id) FROM sessions INDEXED BY sessions_live WHERE {LIVE}"
COUNT_VERSIONS = f"""SELECT version, count(*), count(DISTINCT user_id), max(last_activity)
    FROM sessions INDEXED BY sessions_live WHERE {LIVE} GROUP BY version"""
USERS_ELSEWHERE = f"""SELECT email, max(last_activity) AS latest FROM sessions
    WHERE {LIVE} AND version <> :version GROUP BY user_id ORDER BY latest DESC LIMIT :limit"""


class SqliteStore:
    """A Store. `idle_timeout` and `busy_timeout` are seconds; an `idle_timeout` of 0 is off."""

    def __init__(
        self, path: Path, idle_timeout: int = 0, clock: Clock = time.time, busy_timeout: float = 5
    ) -> None:
        self._path = path
        self._idle_timeout = idle_timeout
        self._clock = clock
        self._busy_timeout = busy_timeout
        self._thread = threading.local()
        self._turn = threading.Lock()

    def now(self) -> int:
        return int(self._clock())

    def add(self, session: Session) -> None:
        with self.write() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(ADD, asdict(session))
            db.execute(PURGE, {"horizon": self.now() - PURGE_AFTER, "batch": PURGE_BATCH})
            db.execute("COMMIT")

    def find(self, session: Session) -> Session | None:
        with self.connect() as db:
            row = db.execute(FIND, asdict(session) | self._times()).fetchone()
        if row is None:
            return self.resume(session)
        *columns, live = row
        return Session(*columns) if live else None

    def resume(self, session: Session) -> Session | None:
        with self.write() as db:
            rows = db.execute(RESUME, asdict(session) | self._times()).fetchall()
        return Session(*rows[0]) if rows else None

    def end(self, session: Session) -> bool:
        with self.write() as db:
            return bool(db.execute(END, asdict(session) | self._times()).fetchall())

    def census(self) -> Census:
        with self.connect() as db:
            times = self._times()
            db.execute("BEGIN")  # one snapshot for both counts
            (users,) = db.execute(COUNT_USERS, times).fetchone()
            versions = {row[0]: VersionCount(*row[1:]) for row in db.execute(COUNT_VERSIONS, times)}
            db.execute("COMMIT")
        return Census(users, versions)

    def users_elsewhere(self, version: str, limit: int) -> list[tuple[str | None, int]]:
        with self.connect() as db:
            parameters = self._times() | {"version": version, "limit": limit}
            return db.execute(USERS_ELSEWHERE, parameters).fetchall()

    def ping(self) -> None:
        with self.connect() as db:
            db.execute("SELECT sid FROM sessions LIMIT 1").fetchall()

    def close(self) -> None:
        """Close this thread's connection, if it has one; the next use opens another."""
        connection = self._thread.__dict__.pop("connection", None)
        if connection:
            connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection while no other thread of this process writes.

        SQLite waits for a lock by napping and trying again: with many at the door, some are never lucky.
        """
        if not self._turn.acquire(timeout=self._busy_timeout):
            raise StoreBusyError(f"{self._path} is busy: no turn within {self._busy_timeout:g} s")
        try:
            with self.connect() as db:
                yield db
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
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            connection.executescript(resources.files(__package__).joinpath("schema.sql").read_text())
        elif found != SCHEMA_VERSION:
            raise StoreError(f"{self._path} has schema {found}; this program knows {SCHEMA_VERSION}")

    def _times(self) -> dict[str, int]:
        now = self.now()
        return {"now": now, "idle_since": now - self._idle_timeout if self._idle_timeout else -1}
