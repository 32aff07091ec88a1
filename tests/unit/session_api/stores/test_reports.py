"""What every store does with reports of proxies."""

from typing import Any

import pytest

from session_api.stores.records import (
    Gauge,
    Gone,
    Report,
    UserSeen,
    VersionCount,
)
from session_api.stores.store import Store
from tests.unit.session_api.support.data import NOW, HandClock, session
from tests.unit.session_api.support.reports import note, seen


def test_reports_are_counted(store: Store) -> None:
    note(
        store, seen("s1", "u1"), seen("s2", "u1", "1.6.8", 5), seen("p1", None, "1.6.8", 7), seen("p2", None)
    )
    assert store.census().users == 1
    assert store.census().versions == {
        "1.6.7": VersionCount(1, 1, 1, NOW),
        "1.6.8": VersionCount(1, 1, 1, NOW - 5),
    }
    assert store.find(session("s1", "u1")) == session("s1", "u1", email=None)


def test_the_same_report_again_changes_nothing(store: Store) -> None:
    rows = (seen("s1", "u1", age=3), seen("p1", None, age=3))
    epoch = note(store, *rows)
    before = store.census()
    assert note(store, *rows, *rows) == epoch
    assert store.census() == before


def test_the_place_follows_the_latest_activity(store: Store, clock: HandClock) -> None:
    store.add(session("s1", "u1"))
    note(store, seen("p1", None))
    clock.now = NOW + 100
    note(store, seen("s1", "u1", "1.6.8", 10), seen("p1", None, "1.6.8", 10))
    assert store.census().versions == {"1.6.8": VersionCount(1, 1, 1, NOW + 90)}
    # A report that comes late neither moves back nor shortens.
    note(store, seen("s1", "u1", "1.6.7", 50, 500), seen("p1", None, "1.6.7", 50, 500))
    assert store.census().versions == {"1.6.8": VersionCount(1, 1, 1, NOW + 90)}
    clock.now = NOW + 999
    assert store.census().versions == {"1.6.8": VersionCount(1, 1, 1, NOW + 90)}


def test_whoever_moves_keeps_the_email(store: Store) -> None:
    store.add(session("s1", "u1"))
    note(store, seen("s1", "u1", "1.6.8"))
    assert store.users("1.6.8", 1) == [UserSeen("u1", "u1@x.y", NOW)]
    # And a session that was first seen by a proxy gets it with its token.
    note(store, seen("s2", "u2", "1.6.8"))
    assert store.resume(session("s2", "u2", "1.6.8")) == session("s2", "u2", "1.6.8")
    assert store.users("1.6.8", 1) == [UserSeen("u2", "u2@x.y", NOW)]


def test_a_report_brings_back_who_was_idle(new_store: Any, clock: HandClock) -> None:
    store = new_store(idle_timeout=100)
    note(store, seen("s1", "u1"), seen("p1", None))
    clock.now = NOW + 200
    assert store.census().versions == {}
    note(store, seen("s1", "u1", age=1), seen("p1", None, age=1), seen("s2", "u2", age=100))
    assert store.census().versions == {"1.6.7": VersionCount(1, 1, 1, NOW + 199)}
    assert store.find(session("s2", "u2", last_activity=NOW + 200)) is not None  # stored, though not counted


def test_a_report_brings_back_nobody_who_logged_out(store: Store, clock: HandClock) -> None:
    store.add(session())
    assert store.end(session())
    note(store, seen("s1", "u1"), seen("s1", "u1", life=9000))
    assert store.census().versions == {}
    clock.now = NOW + 5000
    note(store, seen("s1", "u1", life=9000))
    assert store.census().versions == {}


def test_a_report_of_one_user_touches_no_session_of_another(store: Store) -> None:
    store.add(session("s1", "u1"))
    note(store, seen("s1", "u2", "1.6.8"))
    assert store.census().versions == {"1.6.7": VersionCount(1, 1, 0, NOW)}


def test_a_newer_token_proves_that_a_session_lives(store: Store, clock: HandClock) -> None:
    store.add(session())
    clock.now = NOW + 2000
    assert store.census().users == 0
    note(store, seen("s1", "u1", life=2000))
    assert store.census().users == 0
    note(store, seen("s1", "u1", life=2001))
    assert store.census().users == 1


def test_sessions_and_visitors_of_one_name_are_apart(store: Store) -> None:
    note(store, seen("x", "u1", "1.6.7"), seen("x", None, "1.6.8"))
    assert store.end(session("x", "u1"))
    assert store.census().versions == {"1.6.8": VersionCount(0, 0, 1, NOW)}
    note(store, seen("x", "u1"), seen("x", None, "1.6.8"))
    assert store.census().versions == {"1.6.8": VersionCount(0, 0, 1, NOW)}


def test_visitors_who_logged_in_are_gone(store: Store) -> None:
    note(store, seen("p1", None), seen("p2", None))
    note(store, seen("s1", "u1"), gone=(Gone("p1"), Gone("never seen")))
    assert store.census().versions == {"1.6.7": VersionCount(1, 1, 1, NOW)}
    assert store.outlook("1.6.7", NOW - 60).departures == 0


@pytest.mark.threat(76)
def test_76_a_visitor_who_was_seen_since_is_somebody_else(store: Store) -> None:
    note(store, seen("p1", None, age=10), seen("p2", None, age=10))
    note(store, seen("p1", None, "1.6.8", age=2), gone=(Gone("p1", 5), Gone("p2", 5)))
    assert store.census().versions == {"1.6.8": VersionCount(0, 0, 1, NOW - 2)}
    note(store, gone=(Gone("p1", 1),))
    assert store.census().versions == {}


def test_visitors_expire(store: Store, clock: HandClock) -> None:
    note(store, seen("p1", None, life=10), seen("p2", None, life=0))
    assert store.census().versions == {"1.6.7": VersionCount(0, 0, 1, NOW)}
    clock.now = NOW + 10
    assert store.census().versions == {}


def test_an_age_beyond_all_time(store: Store) -> None:
    note(store, seen("s1", "u1", age=2**53), seen("s2", "u2", life=2**53 - 1 - NOW))
    assert store.census().users == 2
    assert store.outlook("1.6.7", NOW).expires_at == 2**53 - 1


def test_what_a_proxy_said_last(store: Store, clock: HandClock) -> None:
    gauges = {"1.6.7": Gauge(1, 2, 3, 4)}
    epoch = note(store, reach=100, gauges=gauges)
    (heard,) = store.census().heard
    assert (heard.proxy, heard.seen_at, heard.since, heard.told_at) == ("web1:8080", NOW, NOW - 100, None)
    assert heard.gauges == gauges
    note(store, epoch=epoch)
    clock.now += 5
    note(store, epoch=epoch, complete=False)
    (heard,) = store.census().heard
    assert (heard.seen_at, heard.since, heard.told_at, heard.gauges) == (NOW + 5, NOW + 5, NOW, gauges)
    assert heard.visitors_told_at == NOW + 5
    clock.now += 5
    note(store, epoch=epoch, visitors_complete=False)
    (heard,) = store.census().heard
    assert (heard.told_at, heard.visitors_told_at) == (NOW + 10, NOW + 5)
    store.note(Report("a:1", gauges={}))
    assert [(each.proxy, each.gauges) for each in store.census().heard] == [
        ("a:1", {}),
        ("web1:8080", gauges),
    ]


@pytest.mark.threat(79)
def test_79_two_proxies_of_one_name_are_noticed(store: Store, clock: HandClock) -> None:
    def report(instance: str) -> int | None:
        clock.now += 1
        store.note(Report("web1:8080", instance=instance))
        (heard,) = store.census().heard
        return heard.doubled_at

    assert [report(each) for each in ("", "a", "a", "b", "b", "c")] == [None] * 6  # it was started anew
    assert [report(each) for each in ("b", "c", "c")] == [NOW + 7, NOW + 8, NOW + 8]
