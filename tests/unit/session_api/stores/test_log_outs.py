"""What a log-out ends, in every store: the tokens before it, and none after."""

from typing import Any

import pytest

from session_api.stores.records import (
    Seen,
    Session,
    VersionCount,
)
from session_api.stores.store import Store
from tests.unit.session_api.support.data import NOW, HandClock, session
from tests.unit.session_api.support.reports import note


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
