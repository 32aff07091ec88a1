"""What every store counts, and whom it lists."""

from typing import Any

import pytest

from session_api.stores.records import (
    Outlook,
    Position,
    Report,
    Seen,
    UserSeen,
    VersionCount,
)
from session_api.stores.store import Store
from tests.unit.session_api.support.data import NOW, HandClock, session
from tests.unit.session_api.support.reports import note, seen


def test_the_census_counts_users_once(store: Store) -> None:
    store.add(session("s1", "u1", "1.6.7"))
    store.add(session("s2", "u1", "1.6.7", last_activity=NOW + 5))
    store.add(session("s3", "u1", "1.6.8"))
    store.add(session("s4", "u2", "1.6.8"))
    census = store.census()
    assert census.users == 2
    assert census.versions == {"1.6.7": VersionCount(2, 1, 0, NOW + 5), "1.6.8": VersionCount(2, 2, 0, NOW)}
    assert store.users("1.6.7", 10) == [("u1", "u1@x.y", NOW + 5)]
    assert store.users("1.6.8", 10) == [("u2", "u2@x.y", NOW), ("u1", "u1@x.y", NOW)]
    assert store.users("1.6.9", 10) == []


def test_an_empty_store_is_a_known_0(store: Store) -> None:
    assert (store.census().users, store.census().versions) == (0, {})
    store.ping()


def test_idle_is_not_counted_but_not_over(new_store: Any, clock: HandClock) -> None:
    store = new_store(idle_timeout=100)
    store.add(session())
    clock.now = NOW + 99
    assert store.census().users == 1
    assert store.resume(session(last_activity=NOW + 99))
    clock.now = NOW + 199
    assert (store.census().users, store.census().versions) == (0, {})
    assert store.users("1.6.7", 10) == []
    assert store.find(session(last_activity=NOW + 199)) == session(last_activity=NOW + 199)
    assert store.census().users == 1
    clock.now = NOW + 400
    assert store.resume(session(last_activity=NOW + 400)) == session(last_activity=NOW + 400)
    assert store.census().users == 1


def test_a_shorter_window_can_be_asked_for(new_store: Any, clock: HandClock) -> None:
    store = new_store(idle_timeout=1000)
    store.add(session("s1", "u1"))
    clock.now = NOW + 400
    store.add(session("s2", "u2", last_activity=NOW + 400, expires_at=NOW + 9000))
    clock.now = NOW + 700
    assert store.census().users == store.census(9999).users == store.census(701).users == 2
    assert store.census(700).users == store.census(301).users == 1
    assert store.census(300).versions == {}
    assert [user.user_id for user in store.users("1.6.7", 9, idle=700)] == ["u2"]


def test_the_window_may_change_between_starts(new_store: Any, clock: HandClock) -> None:
    new_store(idle_timeout=100).add(session())
    clock.now = NOW + 200
    assert new_store(idle_timeout=100).census().users == 0
    assert new_store(idle_timeout=300).census().users == 1
    assert new_store(idle_timeout=0).census().users == 1


@pytest.mark.threat(55)
def test_55_the_stores_clock_decides(new_store: Any) -> None:
    ahead = HandClock(NOW + 3600)
    store = new_store(clock=ahead)
    assert store.now() == NOW + 3600
    assert store.resume(session(last_activity=NOW)) is None  # expired, whatever the caller's clock says
    assert store.resume(session(expires_at=NOW + 3601))


def test_a_store_has_a_birth(new_store: Any, clock: HandClock) -> None:
    store = new_store(fresh=lambda: True)
    birth = store.census().birth
    assert (birth.born_at, birth.fresh) == (NOW, True)
    clock.now += 5
    assert new_store(fresh=lambda: False).census().birth == birth
    assert note(store, epoch=birth.epoch) == birth.epoch
    assert store.census().birth == birth
    # A proxy that knew another store is the proof that this one has missed something.
    note(store, epoch="another")
    assert store.census().birth.fresh is False


def test_pages_of_users(store: Store) -> None:
    for number in range(7):
        store.add(session(f"s{number}", f"u{number}", last_activity=NOW + number // 2))
    expected = [f"u{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
    shown, place = [], None
    while page := store.users("1.6.7", 2, place):
        shown += [user.user_id for user in page]
        place = Position(page[-1].last_activity, page[-1].user_id)
    assert shown == expected
    # Where the last page ended counts, though that user has moved since, or left.
    store.resume(session("s4", "u4", last_activity=NOW + 9))
    assert [user.user_id for user in store.users("1.6.7", 9, Position(NOW + 2, "u4"))] == expected[3:]
    store.end(session("s4", "u4"))
    assert [user.user_id for user in store.users("1.6.7", 9, Position(NOW + 2, "u4"))] == expected[3:]
    assert store.users("1.6.7", 0) == []


def test_a_user_stays_at_the_latest_session_that_is_left(store: Store, clock: HandClock) -> None:
    store.add(session("s1", last_activity=NOW - 9))
    store.add(session("s2", last_activity=NOW - 5))
    store.add(session("s3", last_activity=NOW - 1, expires_at=NOW + 10))
    clock.now = NOW + 10
    assert store.users("1.6.7", 9) == [UserSeen("u1", "u1@x.y", NOW - 5)]
    store.end(session("s2"))
    assert store.users("1.6.7", 9) == [UserSeen("u1", "u1@x.y", NOW - 9)]
    store.end(session("s1"))
    assert store.users("1.6.7", 9) == []


def test_departures(new_store: Any, clock: HandClock) -> None:
    minute = NOW // 60 * 60
    clock.now = minute
    store = new_store(idle_timeout=600)
    for number in range(4):
        store.add(
            session(f"s{number}", f"u{number}", last_activity=minute, expires_at=minute + 5000 + number)
        )
    store.note(Report("p", seen=(Seen("p1", None, "1.6.7", 0, minute + 100),)))
    clock.now = minute + 60
    store.end(session("s0", "u0"))  # logs out
    store.note(Report("p", seen=(Seen("s1", "u1", "1.6.8", 0, minute + 5000),)))  # moves
    assert store.outlook("1.6.7", minute) == Outlook(minute + 5003, 2)
    assert store.outlook("1.6.7", minute + 1).departures == 2  # from the next whole minute
    assert store.outlook("1.6.7", minute + 61).departures == 0
    clock.now = minute + 100  # the visitor expires
    assert store.outlook("1.6.7", minute).departures == 3
    clock.now = minute + 600  # the other two are idle: gone, unless they come back
    assert store.outlook("1.6.7", minute) == Outlook(None, 5)
    assert store.outlook("1.6.7", minute + 660).departures == 0
    store.resume(session("s2", "u2", last_activity=minute + 600, expires_at=minute + 5002))
    assert store.outlook("1.6.7", minute) == Outlook(minute + 5002, 4)
    clock.now = minute + 6000  # and that an idle one expires makes it no second departure
    assert store.outlook("1.6.7", minute).departures == 5
    assert store.outlook("1.6.7", minute + 1200).departures == 1


def test_much_that_expired_at_once_is_swept_before_an_answer(store: Store, clock: HandClock) -> None:
    for batch in range(3):
        rows = [seen(f"{batch}-{number}", f"u{number}", life=10) for number in range(1000)]
        note(store, *rows, seen(f"p{batch}", None, life=10))
    assert store.census().versions == {"1.6.7": VersionCount(3000, 1000, 3, NOW)}
    clock.now = NOW + 10
    assert (store.census().users, store.census().versions) == (0, {})
