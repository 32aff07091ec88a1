"""What every store does with sessions: they are found, go on, and end."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from session_api.stores.records import (
    VersionCount,
)
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import Store
from tests.unit.session_api.support.data import NOW, HandClock, session


def leave(store: Any) -> None:
    """Close what a thread alone has open: SQLite's connections; Redis' are shared."""
    if isinstance(store, SqliteStore):
        store.close()


def test_what_is_added_is_found_by_another_connection(store: Store, new_store: Any) -> None:
    store.add(session())
    assert new_store().find(session()) == session()


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


def test_an_ended_session_stays_ended(store: Store, clock: HandClock) -> None:
    store.add(session())
    assert store.end(session()) is True
    assert store.end(session()) is False
    assert store.find(session()) is None
    assert store.resume(session(expires_at=NOW + 5000)) is None
    assert store.census().users == 0


@pytest.mark.threat(54)
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


@pytest.mark.threat(56)
def test_56_of_many_logouts_one_counts(new_store: Any) -> None:
    hosts = [new_store() for _ in range(8)]
    hosts[0].add(session())
    together = threading.Barrier(len(hosts))

    def log_out(host: Store) -> bool:
        together.wait()
        ended = host.end(session())
        leave(host)
        return ended

    with ThreadPoolExecutor(len(hosts)) as pool:
        assert sorted(pool.map(log_out, hosts)) == [False] * 7 + [True]
    assert hosts[0].census().versions == {}
    assert hosts[0].outlook("1.6.7", NOW - 60).departures == 1


def test_threads_share_a_store(store: Store) -> None:
    def log_in(number: int) -> None:
        for index in range(5):
            store.add(session(f"{number}-{index}", f"u{number}"))
        leave(store)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log_in, range(8)))
    assert store.census().versions == {"1.6.7": VersionCount(40, 8, 0, NOW)}


def test_strange_text_is_kept_as_it_is(store: Store) -> None:
    strange = session("s'; DROP TABLE sessions; --", "\u0000\u202e\U0001f600", email=None)
    store.add(strange)
    assert store.find(strange) == strange
