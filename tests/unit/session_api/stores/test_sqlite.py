"""What is SQLite's alone: locks, damage, files of other programs, plans of queries."""

import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from session_api.stores.records import Census, Report, Seen, VersionCount
from session_api.stores.sqlite import statements
from session_api.stores.sqlite import store as sqlite_module
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import PURGE_AFTER, StoreBusyError, StoreError
from tests.unit.session_api.support.data import NOW, ROOT, HandClock, damage, session


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    return sqlite_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.mark.threat(53)
def test_53_a_locked_file_is_busy_and_can_be_read(path: Path, clock: HandClock) -> None:
    store = SqliteStore(path, clock=clock, busy_timeout=0.01)
    store.add(session())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for call in (
        lambda: store.add(session("s2")),
        lambda: store.end(session()),
        lambda: store.note(Report("p")),
    ):
        with pytest.raises(StoreBusyError):
            call()
        assert store.census().users == 1
        store.ping()
    other.execute("ROLLBACK")
    other.close()
    assert store.census().users == 1
    store.close()


@pytest.mark.threat(53)
def test_53_and_a_short_lock_is_waited_for(store: SqliteStore, path: Path) -> None:
    store.ping()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    waiting = threading.Event()

    def log_in() -> None:
        waiting.set()
        store.add(session())
        store.close()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(log_in)
        waiting.wait()
        other.execute("COMMIT")
        done.result()
    other.close()
    assert store.find(session()) == session()


@pytest.mark.threat(54)
@pytest.mark.parametrize("kind", ["garbage", "directory"])
def test_54_a_corrupt_file_is_unknown_and_never_0(store: SqliteStore, path: Path, kind: str) -> None:
    store.add(session())
    if kind == "garbage":
        damage(path)
    else:
        path.unlink()
        path.mkdir()
    for call in (store.census, store.ping, lambda: store.find(session()), lambda: store.resume(session())):
        with pytest.raises(StoreError):
            call()
    path.rmdir() if path.is_dir() else path.unlink()
    assert store.resume(session()) == session()
    assert store.census().users == 1


def test_a_file_that_was_replaced_is_not_written_to_in_secret(store: SqliteStore, path: Path) -> None:
    store.add(session("s1"))
    path.unlink()
    store.add(session("s2", "u2"))
    with sqlite3.connect(path) as seen:
        assert seen.execute("SELECT sid FROM sessions").fetchall() == [("s2",)]
    seen.close()


def test_the_log_of_a_file_that_was_replaced_is_not_taken_for_the_new_ones(
    path: Path, clock: HandClock
) -> None:
    """A copy that is put back has the sessions of the copy: SQLite would read a log that lies beside it."""
    hosts = [SqliteStore(path, clock=clock, busy_timeout=30) for _ in range(2)]
    hosts[0].add(session("s1"))
    hosts[0].close()
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    for number, host in enumerate(hosts):
        host.add(session(f"later{number}", f"u{number}"))
    copy.replace(path)
    for number, host in enumerate(hosts):
        assert host.census().users == 1 + number
        host.add(session(f"new{number}", f"new{number}"))
    with hosts[0].connect() as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT sid FROM sessions ORDER BY 1").fetchall() == [("new0",), ("new1",), ("s1",)]
    for host in hosts:
        host.close()


def test_a_file_of_a_newer_program_is_left_alone(store: SqliteStore, path: Path) -> None:
    store.ping()
    store.close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 6")
    newer.close()
    with pytest.raises(StoreError, match="has schema 6"):
        store.ping()


def test_what_expired_is_purged_by_later_logins(
    store: SqliteStore, clock: HandClock, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sqlite_module, "PURGE_BATCH", 2)
    for number in range(5):
        store.add(session(f"s{number}"))

    def kept() -> int:
        with store.connect() as db:
            return db.execute("SELECT count(*) FROM sessions").fetchone()[0]

    clock.now = NOW + 1000 + PURGE_AFTER
    store.add(session("not yet", expires_at=NOW + 10**6))
    assert kept() == 6
    clock.now += 1
    for number, left in ((1, 5), (2, 4), (3, 4)):
        store.add(session(f"new{number}", expires_at=NOW + 10**6))
        assert kept() == left


@pytest.mark.threat(57)
def test_57_counting_reads_the_tally_alone(store: SqliteStore) -> None:
    window = {"since": 1, "until": 2, "low": 0, "high": 0, "version": ""}
    with store.connect() as db:
        for statement in (statements.COUNT, statements.WENT_IDLE):
            plan = [step[-1] for step in db.execute("EXPLAIN QUERY PLAN " + statement, window)]
            assert all(step.startswith("SCAN (subquery") for step in plan if "SCAN" in step), plan
            assert sum("SEARCH tally USING PRIMARY KEY (width=? AND at>" in step for step in plan) == 3, plan


@pytest.mark.threat(57)
def test_57_sweeping_and_paging_read_indexes(store: SqliteStore) -> None:
    some = dict.fromkeys(
        ("now", "batch", "horizon", "version", "since", "last_activity", "user_id", "limit"), 1
    )
    asked = [*statements.DUE, *statements.SWEEP, statements.PURGE, statements.USERS, *statements.LAST]
    with store.connect() as db:
        for statement in asked:
            plan = [step[-1] for step in db.execute("EXPLAIN QUERY PLAN " + statement, some | {"walk": 9})]
            assert not [step for step in plan if "SCAN" in step or "TEMP" in step], plan


OLD = """INSERT INTO sessions VALUES
    ('s1', 'u1', 'u1@x.y', '1.6.7', {now}, {now}, {now} + 1000, NULL),
    ('s2', 'u1', 'u1@x.y', '1.6.8', {now}, {now} + 5, {now} + 1000, NULL),
    ('over', 'u2', NULL, '1.6.7', {now}, {now}, {now}, NULL),
    ('out', 'u3', NULL, '1.6.7', {now}, {now}, {now} + 1000, {now})"""


def test_a_file_of_the_first_schema_keeps_its_sessions(path: Path, clock: HandClock) -> None:
    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(resources.files("session_api.stores.sqlite").joinpath("schema/1.sql").read_text())
    old.executescript("PRAGMA user_version = 1;" + OLD.format(now=NOW))
    old.close()
    hosts = [SqliteStore(path, clock=clock, fresh=lambda: False) for _ in range(4)]
    together = threading.Barrier(len(hosts))

    def count(host: SqliteStore) -> Census:
        together.wait()
        census = host.census()
        host.close()
        return census

    with ThreadPoolExecutor(len(hosts)) as pool:
        counted = list(pool.map(count, hosts))
    assert counted == [counted[0]] * 4
    assert (counted[0].users, counted[0].birth.born_at) == (1, NOW)
    expected = {"1.6.7": VersionCount(1, 1, 0, NOW), "1.6.8": VersionCount(1, 1, 0, NOW + 5)}
    assert counted[0].versions == expected
    store = SqliteStore(path, clock=clock)
    assert store.users("1.6.8", 9) == [("u1", "u1@x.y", NOW + 5)]
    assert store.resume(session("out", "u3")) is None
    assert store.resume(session("over", "u2")) is None
    store.close()


@pytest.mark.threat(78)
def test_78_what_is_written_of_forgetting_a_person_ends_their_sessions(path: Path) -> None:
    """The statement of docs/sessions.md, on a file of the schema of today."""
    text = (ROOT / "docs" / "sessions.md").read_text()
    (statement,) = re.findall(r"^    (UPDATE sessions SET .*\n.*)$", text, re.MULTILINE)
    store, now = SqliteStore(path), int(time.time())
    held = session(created_at=now - 9, issued_at=now - 9, expires_at=now + 1000, good_until=now + 1000)
    store.add(held)
    store.add(replace(held, sid="s2", user_id="u2"))
    with store.write() as db:
        db.execute(statement.replace("…", "u1"))
    assert store.find(held) is None and store.resume(held) is None
    assert store.find(replace(held, created_at=0)) is None
    assert store.users("1.6.7", 9) == [("u2", "u1@x.y", held.last_activity)]
    with store.connect() as db:
        assert db.execute("SELECT email FROM sessions WHERE user_id = 'u1'").fetchall() == [(None,)]
    store.close()


@pytest.mark.threat(54)
def test_54_an_emptied_file_is_another_store(path: Path, clock: HandClock) -> None:
    store = SqliteStore(path, clock=clock, fresh=lambda: False)
    store.add(session())
    first = store.census().birth
    for lose in (path.unlink, lambda: path.write_bytes(b"")):
        store.close()
        lose()
        clock.now += 7
        birth = store.census().birth
        assert (birth.epoch != first.epoch, birth.born_at, birth.fresh) == (True, clock.now, False)
        assert store.census().versions == {}
        store.note(Report("p", seen=(Seen("s1", "u1", "1.6.7", 0, NOW + 1000),)))
        assert store.census().users == 1
    store.close()


def test_each_commit_is_on_the_disk(store: SqliteStore) -> None:
    with store.connect() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)  # who reads never writes
    with store.write() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_file_is_not_for_everyone(store: SqliteStore, path: Path) -> None:
    store.add(session())
    assert [file.name for file in path.parent.glob("sessions.db*") if file.stat().st_mode & 0o007] == []
