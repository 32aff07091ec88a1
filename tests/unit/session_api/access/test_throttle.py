"""Guesses of the admin key cost time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api.access import throttle
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.dashboard import log_in
from tests.unit.session_api.support.data import HandClock


def wrong_keys(api: Api, count: int, **headers: str) -> list[int]:
    return [log_in(api, "wrong", **headers).status_code for _ in range(count)]


@pytest.mark.threat(49)
def test_49_wrong_keys_are_slowed_down(api: Api, clock: HandClock) -> None:
    assert wrong_keys(api, 6) == [401] * 5 + [429]
    refused = log_in(api)  # a right guess is not told from a wrong one
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert 'role="alert">There were too many wrong keys. Try again in 1 seconds.' in refused.text
    assert "set-cookie" not in refused.headers
    waits = []
    for _ in range(8):
        clock.now += int(log_in(api).headers["retry-after"])
        assert wrong_keys(api, 1) == [401]
        waits.append(int(log_in(api).headers["retry-after"]))
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]
    clock.now += 30
    assert log_in(api).status_code == 303
    assert wrong_keys(api, 5) == [401] * 5  # it begins anew


@pytest.mark.threat(49)
def test_49_who_guesses_locks_nobody_else_out(api: Api, clock: HandClock) -> None:
    wrong_keys(api, 9, **{"X-Real-IP": "2001:db8::1"})
    assert log_in(api, **{"X-Real-IP": "2001:db8::2"}).status_code == 429  # the same network
    assert log_in(api, **{"X-Real-IP": "2001:db8:0:1::1"}).status_code == 303
    assert log_in(api).status_code == 303
    clock.now += throttle.FORGOTTEN + 1
    assert wrong_keys(api, 6, **{"X-Real-IP": "2001:db8::1"}) == [401] * 5 + [429]


@pytest.mark.threat(49)
def test_49_a_clock_that_was_set_back_keeps_nobody_waiting(api: Api, clock: HandClock) -> None:
    wrong_keys(api, 9)
    clock.now -= 3600
    assert log_in(api).status_code == 303


@given(st.lists(st.tuples(st.integers(0, 3 * throttle.KEPT), st.integers(0, 5)), max_size=300), st.text())
def test_a_throttle_keeps_little_and_never_waits_for_long(moves: list[tuple[int, int]], odd: str) -> None:
    clock = HandClock()
    slow = throttle.Throttle(clock)
    for number in range(throttle.KEPT + 50):
        slow.wrong(f"10.0.{number // 256}.{number % 256}")
    for number, pause in moves:
        slow.wrong(f"10.1.{number // 256}.{number % 256}")
        slow.wrong(odd)
        clock.now += pause
        assert 0 <= slow.wait(odd) <= throttle.LONGEST
    assert len(slow._records) <= throttle.KEPT
