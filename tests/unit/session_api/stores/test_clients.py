"""What every store does with those who have no user and no pin: API clients, and cookies' sessions."""

from typing import Any

from session_api.stores.records import Client, Gone, Outlook, Report, Seen, Session, VersionCount
from session_api.stores.store import Store
from tests.unit.session_api.support.data import NOW, HandClock
from tests.unit.session_api.support.reports import note, seen


def known(sid: str, kind: str, version: str = "1.6.7", age: int = 0, life: int = 1000) -> Seen:
    return seen(sid, None, version, age, life)._replace(kind=kind)


def test_a_session_by_its_cookie_is_a_session_of_no_user(store: Store) -> None:
    note(
        store,
        seen("p", None),
        known("a", "client"),
        known("c.1", "session"),
        known("c.2", "session", "1.6.8"),
    )
    assert store.census().users == 0
    assert store.census().versions == {
        "1.6.7": VersionCount(1, 0, 2, NOW),
        "1.6.8": VersionCount(1, 0, 0, NOW),
    }
    assert store.users("1.6.7", 9) == []


def test_it_moves_goes_idle_and_comes_back(new_store: Any, clock: HandClock) -> None:
    store = new_store(idle_timeout=100)
    note(store, known("c.1", "session"))
    clock.now += 50
    note(store, known("c.1", "session", "1.6.8"), known("c.1", "session", "1.6.7", 40))
    assert store.census().versions == {"1.6.8": VersionCount(1, 0, 0, NOW + 50)}
    assert store.outlook("1.6.7", NOW - 60) == Outlook(None, 1)
    assert store.outlook("1.6.8", NOW - 60) == Outlook(NOW + 1000, 0)
    clock.now += 100
    assert store.census().versions == {}
    note(store, known("c.1", "session", "1.6.8"))
    assert store.census().versions == {"1.6.8": VersionCount(1, 0, 0, NOW + 150)}
    clock.now += 900
    assert store.census().versions == {}
    assert store.clients("", 9).rows == ()


def test_it_ends_at_once_and_has_left(store: Store) -> None:
    note(store, known("c.1", "session"), known("c.2", "session"), seen("p", None), known("a", "client"))
    store.note(Report("web1:8080", gone=(Gone("c.1"), Gone("p"), Gone("nobody"))))
    assert store.census().versions == {"1.6.7": VersionCount(1, 0, 1, NOW)}
    assert store.outlook("1.6.7", NOW - 60).departures == 1, "whoever logged in has not left"
    assert [client.sid for client in store.clients("", 9).rows] == ["a", "c.2"]
    note(store, known("c.1", "session"))
    assert store.census().versions == {"1.6.7": VersionCount(2, 0, 1, NOW)}


def test_a_proxy_that_starts_anew_is_told_of_them(new_store: Any, clock: HandClock) -> None:
    store = new_store(idle_timeout=100)
    rows = [known(f"c.{number}", "session", age=number) for number in range(4)]
    note(
        store,
        *rows,
        known("a", "client", "1.6.8", 7),
        seen("p", None),
        seen("s", "u"),
        known("z", "client", age=99),
    )
    first = store.clients("", 3)
    assert first.rows == (Client("a", "1.6.8", 7), Client("c.0", "1.6.7", 0), Client("c.1", "1.6.7", 1))
    second = store.clients(first.after, 3)
    assert [client.sid for client in second.rows] == ["c.2", "c.3", "z"]
    assert store.clients(second.after, 3).rows == ()
    clock.now += 5
    assert [client.sid for client in store.clients("c.3", 3).rows] == [], "whoever is idle is new"


def test_so_it_is_of_sessions_whose_tokens_say_no_version(new_store: Any, clock: HandClock) -> None:
    """What is told of one outlasts its token, which is renewed after minutes, and ends with a log-out."""
    store = new_store(idle_timeout=100)
    note(
        store,
        known("c.1", "session"),
        seen("t.expired", "ada", age=9, life=20),
        seen("t.good", "ada", "1.6.8"),
        seen("t.good~1.6.7", "ada"),
        seen("t.left", "bob"),
        seen("t.silent", "bob", age=90),
        known("t.nobody", "session"),
        seen("tx", "bob"),
        known("z", "client"),
    )
    assert store.end(held("t.left", "bob"))
    clock.now += 30
    assert store.census().versions["1.6.7"].sessions == 4, "the page, tx, c.1 and nobody's"
    told = store.clients("", 9).rows
    assert [row.sid for row in told] == ["c.1", "t.expired", "t.good", "t.nobody", "z"]
    assert told[1:3] == (Client("t.expired", "1.6.7", 39), Client("t.good", "1.6.8", 30))
    assert [row.sid for row in store.clients("c.1", 2).rows] == ["t.expired", "t.good"]
    clock.now += 65
    note(store, seen("t.expired", "ada", "1.6.8"))
    assert [row[:2] for row in store.clients("c.2", 3).rows] == [
        *(("t.expired", "1.6.8"), ("t.good", "1.6.8"), ("t.nobody", "1.6.7"))
    ]
    clock.now += 2 * 86400
    note(store)
    assert store.clients("", 9).rows == ()


def held(sid: str, user: str) -> Session:
    return Session(sid, user, None, "1.6.7", NOW, NOW, NOW + 600, NOW, NOW + 600)
