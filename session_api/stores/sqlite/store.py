"""The store in one SQLite file: without a server, and safe among threads and processes of one host.

Rows change here; the counts follow by the triggers of schema/2.sql.
"""

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from session_api.clock import Clock
from session_api.stores.records import (
    Birth,
    Census,
    Client,
    Clients,
    Gauge,
    Heard,
    Outlook,
    Position,
    Report,
    Session,
    UserSeen,
    VersionCount,
)
from session_api.stores.sqlite import notes
from session_api.stores.sqlite import statements as sql
from session_api.stores.sqlite.commits import Commits
from session_api.stores.sqlite.file import SqliteFile
from session_api.stores.store import GONE_SLACK, PURGE_AFTER, WALK, Fresh, StoreBusyError

PURGE_BATCH = 50
SWEEP_BATCH = 500
NEVER = 2**53  # the idle time of a window that is off


class SqliteStore:
    """A Store. `idle_timeout` and `busy_timeout` are seconds; an `idle_timeout` of 0 is off."""

    def __init__(
        self,
        path: Path,
        idle_timeout: int = 0,
        clock: Clock = time.time,
        busy_timeout: float = 5,
        fresh: Fresh = lambda: False,
    ) -> None:
        self._file = SqliteFile(path, busy_timeout, self._prepare)
        self._idle_timeout = idle_timeout
        self._clock = clock
        self._busy_timeout = busy_timeout
        self._fresh = fresh
        self.connect, self.write, self.close = self._file.connect, self._file.write, self._file.close
        self.commits = Commits(self._file, busy_timeout)

    def now(self) -> int:
        return int(self._clock())

    def add(self, session: Session) -> None:
        def work(db: sqlite3.Connection) -> None:
            self._tidy(db, PURGE_BATCH)
            db.execute(sql.ADD, vars(session))

        self.commits.run(work)

    def find(self, session: Session) -> Session | None:
        with self.connect() as db:
            row = db.execute(sql.FIND, vars(session) | self._times()).fetchone()
        if row is None:
            return self.resume(session)
        *columns, over, idle = row
        if over:
            return None
        return self.resume(session) if idle else Session(*columns)

    def resume(self, session: Session) -> Session | None:
        rows = self.commits.run(lambda db: db.execute(sql.RESUME, vars(session) | self._times()).fetchall())
        return Session(*rows[0]) if rows else None

    def end(self, session: Session) -> bool:
        return bool(
            self.commits.run(lambda db: db.execute(sql.END, vars(session) | self._times()).fetchall())
        )

    def note(self, report: Report) -> str:
        def work(db: sqlite3.Connection) -> str:
            now = self.now()
            gone = [{"sid": sid, "until": now - age + GONE_SLACK} for sid, age in report.gone]
            self._tidy(db, SWEEP_BATCH)
            notes.note(db, report.seen, now)
            for statement in sql.NOTE_GONE:
                db.executemany(statement, gone)
            return self._hear(db, report, now)

        return self.commits.run(work)

    def census(self, idle: int = 0) -> Census:
        with self._snapshot(idle) as (db, times):
            people, versions = 0, dict[str, VersionCount]()
            for version, sessions, users, visitors, persons, block in db.execute(sql.COUNT, times):
                people += persons
                if sessions or visitors:
                    (latest,) = db.execute(sql.LATEST, {"version": version, "block": block}).fetchone()
                    versions[version] = VersionCount(sessions, users, visitors, latest)
            heard = [_heard(*row) for row in db.execute(sql.HEARD)]
            return Census(times["now"], people, versions, _birth(db), heard)

    def users(self, version: str, limit: int, after: Position | None = None, idle: int = 0) -> list[UserSeen]:
        position = (after or Position(NEVER, ""))._asdict()
        with self._snapshot(idle) as (db, times):
            found = db.execute(sql.USERS, times | {"version": version, "limit": limit} | position)
            return [UserSeen(*row) for row in found]

    def clients(self, after: str, limit: int) -> Clients:
        with self._snapshot(0) as (db, times):
            found = db.execute(sql.CLIENTS, times | {"after": after, "limit": limit})
            rows = tuple(Client(*row) for row in found)
        return Clients(rows, rows[-1].sid if len(rows) == limit else None)

    def outlook(self, version: str, since: int) -> Outlook:
        with self._snapshot(0) as (db, times):
            minute = -(-since // 60)
            asked = times | {"version": version, "minute": minute, "walk": WALK}
            (left,) = db.execute(sql.DEPARTED, asked).fetchone()
            if self._idle_timeout:
                window = _window(max(minute * 60 - self._idle_timeout, -1), times["since"] + 1)
                left += db.execute(sql.WENT_IDLE, window | {"version": version}).fetchone()[0]
            ends = [_walk(db.execute(statement, asked).fetchall(), times) for statement in sql.LAST]
            return Outlook(max(filter(None, ends), default=None), left)

    def ping(self) -> None:
        with self.connect() as db:
            db.execute("SELECT sid FROM sessions LIMIT 1").fetchall()

    def _prepare(self, db: sqlite3.Connection) -> None:
        """A new file gets its name. A window that was set anew since is told to the triggers."""
        notes.prepare(db)
        idle = self._idle_timeout or NEVER
        row = db.execute("SELECT idle FROM store").fetchone()
        if row != (idle,):
            birth = {
                "epoch": secrets.token_urlsafe(16),
                "now": self.now(),
                "fresh": self._fresh(),
                "idle": idle,
            }
            db.execute(sql.BORN, birth)

    def _tidy(self, db: sqlite3.Connection, batch: int) -> None:
        """A bounded step of what time asks for: expired ones leave the counts, old tombstones go."""
        now = self.now()
        self._sweep(db, now, batch)
        db.execute(sql.PURGE, {"horizon": now - PURGE_AFTER, "batch": PURGE_BATCH})

    def _sweep(self, db: sqlite3.Connection, now: int, batch: int) -> None:
        for statement in sql.SWEEP:
            db.execute(statement, {"now": now, "batch": batch})

    def _hear(self, db: sqlite3.Connection, report: Report, now: int) -> str:
        birth = _birth(db)
        if report.epoch not in (None, birth.epoch):
            db.execute("UPDATE store SET fresh = 0")  # it knew a store before this one, so something was lost
        knows_us = report.epoch == birth.epoch
        gauges = None if report.gauges is None else msgspec.json.encode(report.gauges).decode()
        heard = {"name": report.proxy, "now": now, "since": now - report.reach, "gauges": gauges}
        told = {
            "told_at": now if knows_us and report.complete else None,
            "visitors_told_at": now if knows_us and report.visitors_complete else None,
        }
        db.execute(sql.HEAR, heard | told | {"instance": report.instance})
        db.execute(sql.FORGET_DEPARTURES, {"minute": now // 60 - sql.MINUTES_KEPT})
        return birth.epoch

    @contextmanager
    def _snapshot(self, idle: int) -> Iterator[tuple[sqlite3.Connection, dict[str, int]]]:
        """A view of one moment, at which nothing that has expired is counted any more."""
        patience = time.monotonic() + self._busy_timeout
        with self.connect() as db:
            while True:
                db.execute("BEGIN")
                times = self._times(idle)
                if not any(db.execute(due, times).fetchone() for due in sql.DUE):
                    break
                db.execute("COMMIT")
                if time.monotonic() > patience:
                    raise StoreBusyError("sweeping what has expired takes longer; what is done stays done")
                with self.write() as writing:
                    self._sweep(writing, times["now"], SWEEP_BATCH)
            yield db, times
            db.execute("COMMIT")

    def _times(self, idle: int = 0) -> dict[str, int]:
        now = self.now()
        window = min(filter(None, (idle, self._idle_timeout)), default=None)
        return _window(-1 if window is None else max(now - window, -1), NEVER) | {"now": now}


def _window(since: int, until: int) -> dict[str, int]:
    """What is between the two, exclusively: `low` and `high` are the blocks in which they lie."""
    return {"since": since, "until": until, "low": since // sql.BLOCK, "high": until // sql.BLOCK}


def _walk(rows: list[tuple[int, int]], times: dict[str, int]) -> int | None:
    """The latest expiry of one that is active; after a walk in vain, of the last that was looked at."""
    active = (expires_at for expires_at, latest in rows if latest > times["since"])
    return next(active, rows[-1][0] if len(rows) == WALK else None)


def _birth(db: sqlite3.Connection) -> Birth:
    epoch, born_at, fresh = db.execute("SELECT epoch, born_at, fresh FROM store").fetchone()
    return Birth(epoch, born_at, bool(fresh))


def _heard(
    name: str,
    seen_at: int,
    since: int,
    told_at: int | None,
    gauges: str | None,
    visitors_told_at: int | None,
    doubled_at: int | None,
) -> Heard:
    decoded = None if gauges is None else msgspec.json.decode(gauges, type=dict[str, Gauge])
    return Heard(name, seen_at, since, told_at, decoded, visitors_told_at, doubled_at)
