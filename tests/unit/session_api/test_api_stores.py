"""Every store keeps these promises."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_support import NOW, HandClock
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from session_api.stores import Session, Store, StoreBusyError, StoreError, VersionCount
from session_api.stores import sqlite as sqlite_module
from session_api.stores.sqlite import PURGE_AFTER, SqliteStore


def session(sid: str = "s1", user: str = "u1", version: str = "1.6.7", **changes: Any) -> Session:
    return replace(Session(sid, user, f"{user}@x.y", version, NOW, NOW, NOW + 1000), **changes)


def test_what_is_added_is_found_by_another_connection(store: Store, new_store: Any) -> None:
    store.add(session())
    assert new_store().find(session()) == session()


def test_the_census_counts_users_once(store: Store) -> None:
    store.add(session("s1", "u1", "1.6.7"))
    store.add(session("s2", "u1", "1.6.7", last_activity=NOW + 5))
    store.add(session("s3", "u1", "1.6.8"))
    store.add(session("s4", "u2", "1.6.8"))
    census = store.census()
    assert census.users == 2
    assert census.versions == {"1.6.7": VersionCount(2, 1, NOW + 5), "1.6.8": VersionCount(2, 2, NOW)}
    assert store.users_elsewhere("1.6.8", 10) == [("u1@x.y", NOW + 5)]
    assert store.users_elsewhere("1.6.9", 1) == [("u1@x.y", NOW + 5)]
    assert sorted(store.users_elsewhere("1.6.7", 10)) == [("u1@x.y", NOW), ("u2@x.y", NOW)]


def test_an_empty_store_is_a_known_0(store: Store) -> None:
    assert (store.census().users, store.census().versions) == (0, {})
    store.ping()


def test_a_session_lives_until_it_expires(store: Store, clock: HandClock) -> None:
    store.add(session())
    clock.now = NOW + 999.9
    assert store.census().users == 1
    clock.now = NOW + 1000
    assert store.census().users == 0
    assert store.find(session()) is None
    assert store.resume(session(expires_at=NOW + 9000)) is None


def test_resume_marks_activity_and_extends(store: Store, clock: HandClock) -> None:
    store.add(session())
    clock.now = NOW + 10
    resumed = store.resume(session(last_activity=NOW + 10, expires_at=NOW + 2000))
    assert resumed == session(last_activity=NOW + 10, expires_at=NOW + 2000)
    # An older token of the same session shortens nothing.
    assert store.resume(session(last_activity=NOW + 5, expires_at=NOW + 1000)) == resumed


def test_looking_is_not_activity(store: Store, clock: HandClock) -> None:
    store.add(session())
    clock.now = NOW + 10
    assert store.find(session(last_activity=NOW + 10)) == session()


def test_idle_sessions_end(new_store: Any, clock: HandClock) -> None:
    store = new_store(idle_timeout=100)
    store.add(session())
    clock.now = NOW + 99
    assert store.resume(session(last_activity=NOW + 99))
    clock.now = NOW + 199
    assert store.census().users == 0
    assert store.find(session()) is None
    assert store.resume(session(last_activity=NOW + 199)) is None


def test_an_ended_session_stays_ended(store: Store, clock: HandClock) -> None:
    store.add(session())
    assert store.end(session()) is True
    assert store.end(session()) is False
    assert store.find(session()) is None
    assert store.resume(session(expires_at=NOW + 5000)) is None
    assert store.census().users == 0


def test_54_a_store_that_lost_its_data_fills_again(store: Store) -> None:
    assert store.resume(session()) == session()
    assert store.find(session("s2", "u2")) == session("s2", "u2")
    assert store.census().users == 2
    assert store.resume(session("s3", expires_at=NOW)) is None  # but not with what has expired


def test_logging_out_of_a_session_that_the_store_lost(store: Store) -> None:
    assert store.end(session()) is True
    assert store.resume(session()) is None


def test_one_user_cannot_touch_anothers_session(store: Store) -> None:
    store.add(session("s1", "u1"))
    assert store.resume(session("s1", "u2")) is None
    assert store.find(session("s1", "u2")) is None
    assert store.end(session("s1", "u2")) is False
    assert store.find(session("s1", "u1")) == session("s1", "u1")


def test_56_of_many_logouts_one_counts(new_store: Any) -> None:
    hosts = [new_store() for _ in range(8)]
    hosts[0].add(session())
    together = threading.Barrier(len(hosts))

    def log_out(host: SqliteStore) -> bool:
        together.wait()
        ended = host.end(session())
        host.close()
        return ended

    with ThreadPoolExecutor(len(hosts)) as pool:
        assert sorted(pool.map(log_out, hosts)) == [False] * 7 + [True]


def test_threads_share_a_store(store: SqliteStore) -> None:
    def log_in(number: int) -> None:
        for index in range(5):
            store.add(session(f"{number}-{index}", f"u{number}"))
        store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log_in, range(8)))
    assert store.census().versions == {"1.6.7": VersionCount(40, 8, NOW)}


def test_55_the_stores_clock_decides(new_store: Any) -> None:
    ahead = HandClock(NOW + 3600)
    store = new_store(clock=ahead)
    assert store.now() == NOW + 3600
    assert store.resume(session(last_activity=NOW)) is None  # expired, whatever the caller's clock says
    assert store.resume(session(expires_at=NOW + 3601))


def test_strange_text_is_kept_as_it_is(store: Store) -> None:
    strange = session("s'; DROP TABLE sessions; --", "\u0000\u202e\U0001f600", email=None)
    store.add(strange)
    assert store.find(strange) == strange


# What follows is SQLite's alone.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def test_53_a_locked_file_is_busy(path: Path, clock: HandClock) -> None:
    store = SqliteStore(path, clock=clock, busy_timeout=0.01)
    store.add(session())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for call in (store.census, store.ping, lambda: store.add(session("s2")), lambda: store.end(session())):
        with pytest.raises(StoreBusyError):
            call()
    other.execute("ROLLBACK")
    other.close()
    assert store.census().users == 1
    store.close()


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


@pytest.mark.parametrize("damage", ["garbage", "directory"])
def test_54_a_corrupt_file_is_unknown_and_never_0(store: SqliteStore, path: Path, damage: str) -> None:
    store.add(session())
    if damage == "garbage":
        path.write_bytes(b"\xa5" * path.stat().st_size)
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


def test_a_file_of_a_newer_program_is_left_alone(store: SqliteStore, path: Path) -> None:
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    with pytest.raises(StoreError, match="has schema 2"):
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


def test_57_counting_reads_an_index_alone(store: SqliteStore) -> None:
    with store.connect() as db:
        for statement in (sqlite_module.COUNT_USERS, sqlite_module.COUNT_VERSIONS):
            plan = db.execute("EXPLAIN QUERY PLAN " + statement, {"now": 0, "idle_since": -1}).fetchall()
            assert any("COVERING INDEX sessions_live" in step[-1] for step in plan), plan


def test_the_file_is_durable_and_not_in_wal(store: SqliteStore) -> None:
    with store.connect() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_file_is_not_for_everyone(store: SqliteStore, path: Path) -> None:
    store.add(session())
    assert [file.name for file in path.parent.glob("sessions.db*") if file.stat().st_mode & 0o007] == []


class StoreMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, the store agrees with a dictionary."""

    sids = st.sampled_from(["s1", "s2", "s3", "s4"])
    users = st.sampled_from(["u1", "u2"])
    directory: Path

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        (self.directory / "machine.db").unlink(missing_ok=True)
        self.store = SqliteStore(self.directory / "machine.db", 300, self.clock)
        self.known: dict[str, Session] = {}
        self.ended: set[str] = set()

    def active(self, sid: str) -> bool:
        known = self.known[sid]
        alive = known.expires_at > self.clock.now and known.last_activity > self.clock.now - 300
        return sid not in self.ended and alive

    @rule(sid=sids, user=users, life=st.integers(1, 900))
    def resume(self, sid: str, user: str, life: int) -> None:
        now = self.store.now()
        asked = session(sid, user, last_activity=now, expires_at=now + life)
        known = self.known.get(sid)
        if known is None:
            self.known[sid] = asked
        elif known.user_id == user and self.active(sid):
            self.known[sid] = replace(
                known, last_activity=now, expires_at=max(known.expires_at, asked.expires_at)
            )
        else:
            assert self.store.resume(asked) is None
            return
        assert self.store.resume(asked) == self.known[sid]

    @rule(sid=sids, user=users)
    def end(self, sid: str, user: str) -> None:
        now = self.store.now()
        asked = session(sid, user, last_activity=now, expires_at=now + 900)
        known = self.known.setdefault(sid, asked)
        mine = known.user_id == user and sid not in self.ended
        assert self.store.end(asked) is mine
        if mine:
            self.ended.add(sid)

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def census_agrees(self) -> None:
        active = [known for sid, known in self.known.items() if self.active(sid)]
        census = self.store.census()
        assert census.users == len({known.user_id for known in active})
        assert sum(count.sessions for count in census.versions.values()) == len(active)

    def teardown(self) -> None:
        self.store.close()


def test_any_history_of_sessions(tmp_path: Path) -> None:
    machine = type("Machine", (StoreMachine,), {"directory": tmp_path})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    )
