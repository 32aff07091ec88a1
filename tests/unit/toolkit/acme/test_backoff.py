"""When an authority may be asked again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.acme import backoff, notes
from toolkit.acme.notes import Notes

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
FRESH = Notes("of this test")


def failed(times: int, retry_after: float = 0) -> Notes:
    found = FRESH
    for _ in range(times):
        found = backoff.failed(found, NOW, "why", retry_after)
    return found


@pytest.mark.parametrize(
    ("times", "minutes"), [(1, 1), (2, 5), (3, 30), (4, 120), (5, 360), (6, 720), (99, 720)]
)
def test_each_failure_waits_longer(times: int, minutes: int) -> None:
    assert backoff.earliest(failed(times), NOW) == NOW + timedelta(minutes=minutes)
    assert backoff.earliest(failed(times), NOW + timedelta(minutes=minutes)) is None
    assert backoff.told(failed(times), NOW) is None, "our own patience only"


def test_the_authority_knows_better() -> None:
    found = failed(1, retry_after=7200)
    assert backoff.earliest(found, NOW) == backoff.told(found, NOW) == NOW + timedelta(hours=2)
    assert backoff.earliest(failed(1, retry_after=10), NOW) == NOW + timedelta(minutes=1)
    assert backoff.told(failed(1, retry_after=1e9), NOW) == NOW + backoff.LONGEST


def test_a_clock_that_was_wrong_holds_nobody_back() -> None:
    found = backoff.failed(backoff.begun(FRESH, NOW), NOW, "why", 3600)
    for away in (timedelta(days=-4000), timedelta(days=4000)):
        assert backoff.earliest(found, NOW + away) is None


def test_five_orders_in_an_hour_whatever_comes_of_them() -> None:
    found = FRESH
    for minutes in range(5):
        assert backoff.earliest(found, NOW + timedelta(minutes=minutes)) is None
        found = backoff.begun(found, NOW + timedelta(minutes=minutes))
    assert backoff.earliest(found, NOW + timedelta(minutes=5)) == NOW + timedelta(hours=1)
    assert backoff.earliest(backoff.obtained(found, NOW), NOW + timedelta(minutes=5)), (
        "also after one that went well"
    )
    assert backoff.earliest(found, NOW + timedelta(minutes=61)) is None


@given(st.lists(st.floats(0, 90), max_size=40))
def test_never_more_than_five_in_any_hour(gaps: list[float]) -> None:
    """Somebody asks again and again; those that are let through are orders."""
    found, now, through = FRESH, NOW, []
    for minutes in gaps:
        now += timedelta(minutes=minutes)
        if backoff.earliest(found, now) is None:
            found = backoff.begun(found, now)
            through.append(now)
    for first in through:
        assert (
            len([each for each in through if first <= each < first + backoff.HOUR - timedelta(seconds=1)])
            <= 5
        )


def test_success_and_another_request_begin_anew(tmp_path: Path) -> None:
    about = notes.about("https://ca.example/dir", ["b.example", "a.example"])
    assert about == notes.about("https://ca.example/dir", ["a.example", "b.example"])
    found = backoff.failed(Notes(about), NOW, "why", 60)
    notes.write(tmp_path, found)
    assert notes.read(tmp_path, about) == found
    assert notes.read(tmp_path, notes.about("https://ca.example/dir", ["a.example"])).failures == 0
    assert backoff.earliest(backoff.obtained(found, NOW), NOW) is None
    (tmp_path / notes.NAME).write_text("torn {")
    assert notes.read(tmp_path, about) == Notes(about)
