"""When the last session of a version will have left."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from session_api.counts.forecast import Drain, earliest, latest, likely

NOW = 1_800_000_000
DRAIN = Drain(
    now=NOW,
    remaining=10,
    last_activity=NOW - 60,
    expires_at=NOW + 500_000,
    idle_timeout=1800,
    since=NOW - 600,
    departures=5,
)


def test_all_three() -> None:
    assert earliest(DRAIN) == NOW + 1740
    # 5 of 12.5 on average left in 600 s, so one in 1,500 s; the last of 10 waits for H(10) = 2.93 of these.
    assert likely(DRAIN) == NOW + 4394
    assert latest(DRAIN) == NOW + 500_000


def test_nobody_left() -> None:
    empty = replace(DRAIN, remaining=0)
    assert (earliest(empty), likely(empty), latest(empty)) == (None, None, None)


def test_what_is_not_known_is_not_guessed() -> None:
    assert earliest(replace(DRAIN, idle_timeout=0)) is None
    assert likely(replace(DRAIN, departures=0)) is None
    assert likely(replace(DRAIN, since=None)) is None
    assert likely(replace(DRAIN, since=NOW)) is None


def test_never_after_the_last_expiry() -> None:
    soon = replace(DRAIN, expires_at=NOW + 5)
    assert earliest(soon) == likely(soon) == latest(soon) == NOW + 5


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**7))
def test_likely_lies_between_now_and_the_last_expiry(n: int, d: int, t: int, life: int) -> None:
    drain = replace(DRAIN, remaining=n, departures=d, since=NOW - t, expires_at=NOW + life)
    ends = likely(drain)
    assert ends is not None and NOW <= ends <= NOW + life
    faster = likely(replace(drain, departures=d + 1))
    assert faster is not None and faster <= ends
