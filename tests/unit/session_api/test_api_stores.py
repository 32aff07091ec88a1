"""Every store keeps these promises."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api_support import NOW, HandClock, leave, session

from session_api.stores import (
    Gauge,
    Gone,
    Outlook,
    Place,
    Report,
    Seen,
    Session,
    Store,
    UserSeen,
    VersionCount,
)


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
    assert census.versions == {"1.6.7": VersionCount(2, 1, 0, NOW + 5), "1.6.8": VersionCount(2, 2, 0, NOW)}
    assert store.users("1.6.7", 10) == [("u1", "u1@x.y", NOW + 5)]
    assert store.users("1.6.8", 10) == [("u2", "u2@x.y", NOW), ("u1", "u1@x.y", NOW)]
    assert store.users("1.6.9", 10) == []


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


@pytest.mark.threat(55)
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


def seen(sid: str, user: str | None, version: str = "1.6.7", age: int = 0, life: int = 1000) -> Seen:
    return Seen(sid, user, version, age, NOW + life)


def note(store: Store, *rows: Seen, **more: Any) -> str:
    return store.note(Report("web1:8080", seen=rows, **more))


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
        place = Place(page[-1].last_activity, page[-1].user_id)
    assert shown == expected
    # Where the last page ended counts, though that user has moved since, or left.
    store.resume(session("s4", "u4", last_activity=NOW + 9))
    assert [user.user_id for user in store.users("1.6.7", 9, Place(NOW + 2, "u4"))] == expected[3:]
    store.end(session("s4", "u4"))
    assert [user.user_id for user in store.users("1.6.7", 9, Place(NOW + 2, "u4"))] == expected[3:]
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


# A token's own times, where a session is known by its user alone: `sub` stands for `sid`.


def held(issued: int, until: int = NOW + 9000, **more: Any) -> Session:
    """What a token asks for that was issued then (0: it does not say) and is good until then."""
    times = {"created_at": issued, "issued_at": issued, "good_until": until, "expires_at": until}
    return session("alice", "alice", **(times | {"last_activity": NOW} | more))


@pytest.mark.threat(78)
def test_78_a_log_out_ends_the_tokens_before_it_and_none_after(store: Store, clock: HandClock) -> None:
    early, late = held(NOW - 20), held(NOW - 10)
    assert store.resume(early) and store.resume(late)
    assert store.end(early) is True
    for token in (early, late, held(NOW - 1)):
        assert store.find(token) is None and store.resume(token) is None
        assert store.end(token) is False
    clock.now = NOW + 5
    again = held(NOW + 5, last_activity=NOW + 5)
    assert store.find(again) and store.resume(again)
    assert store.census().versions == {"1.6.7": VersionCount(1, 1, 0, NOW + 5)}
    assert store.resume(early) is None and store.end(early) is False  # it has not come back to life
    assert store.census().users == 1
    assert store.end(again) is True
    assert store.find(again) is None and store.census().users == 0


@pytest.mark.threat(78)
def test_78_who_logs_in_again_in_the_same_second_is_there(store: Store) -> None:
    assert store.resume(held(NOW - 20))
    assert store.end(held(NOW - 20)) is True
    assert store.find(held(NOW))
    assert store.census().users == 1


@pytest.mark.threat(78)
def test_78_what_was_known_in_that_second_is_over(store: Store) -> None:
    assert store.resume(held(NOW - 20, issued_at=NOW))  # a refresh: the newest token is of now
    assert store.end(held(NOW - 20)) is True
    assert store.find(held(NOW)) is None
    assert store.find(held(NOW + 1))


@pytest.mark.threat(78)
def test_78_tokens_that_do_not_say_when_they_were_issued_are_told_by_their_end(
    store: Store, clock: HandClock
) -> None:
    assert store.resume(held(0, NOW + 1000))
    assert store.end(held(0, NOW + 1000)) is True
    assert store.find(held(0, NOW + 1000)) is None
    assert store.resume(held(0, NOW + 900, expires_at=NOW + 90_000)) is None
    assert store.find(held(0, NOW + 1001))
    assert store.find(held(NOW + 2, NOW + 500))


@pytest.mark.threat(78)
def test_78_a_report_brings_back_who_has_a_newer_token_alone(store: Store, clock: HandClock) -> None:
    assert store.resume(held(NOW - 20))
    assert store.end(held(NOW - 20)) is True
    clock.now = NOW + 5
    row = Seen("alice", "alice", "1.6.8", 0, NOW + 9999)
    note(store, row._replace(issued_at=NOW - 20), row)  # the second: of a proxy that has not told
    assert store.census().versions == {}
    note(store, row._replace(issued_at=0, expires_at=NOW + 9000))
    assert store.census().versions == {}
    note(store, row._replace(issued_at=NOW + 3))
    assert store.census().versions == {"1.6.8": VersionCount(1, 1, 0, NOW + 5)}


@pytest.mark.threat(78)
def test_78_a_session_that_expired_goes_on_with_a_new_token(store: Store, clock: HandClock) -> None:
    assert store.resume(held(NOW, NOW + 1000))
    clock.now = NOW + 2000
    assert store.census().users == 0
    assert store.find(held(NOW, NOW + 1000, expires_at=NOW + 9000)) is None
    assert store.find(held(NOW + 1999, NOW + 3000, last_activity=NOW + 2000))
    assert store.census().users == 1


@pytest.mark.threat(79)
def test_79_two_proxies_of_one_name_are_noticed(store: Store, clock: HandClock) -> None:
    def report(instance: str) -> int | None:
        clock.now += 1
        store.note(Report("web1:8080", instance=instance))
        (heard,) = store.census().heard
        return heard.doubled_at

    assert [report(each) for each in ("", "a", "a", "b", "b", "c")] == [None] * 6  # it was started anew
    assert [report(each) for each in ("b", "c", "c")] == [NOW + 7, NOW + 8, NOW + 8]
