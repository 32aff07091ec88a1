"""When a certificate is due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.acme import due
from toolkit.acme.due import Held

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
DAY = 86400.0
HOSTS = ("shop.example", "www.shop.example")


def held(begun: float, left: float, names: tuple[str, ...] = HOSTS) -> Held:
    """A certificate that began so many days ago, and has so many left."""
    return Held(names, "Authority", NOW - timedelta(days=begun), NOW + timedelta(days=left))


@pytest.mark.parametrize(
    ("found", "is_due", "why"),
    [
        (None, True, "there is none yet"),
        (held(30, 60), False, "it is good until 2026-03-16 10:30 UTC"),
        (held(60, 30), True, "it is good until"),
        (held(59.9, 30.1), False, "it is good until"),
        (held(91, -1), True, "it expired on 2026-01-14"),
        (held(1, 89, ("shop.example",)), True, "www.shop.example is not in it"),
        (held(1, 89, (*HOSTS, "old.example")), False, "it is good until"),
        (held(3, 3), False, "it is good until"),
        (held(4, 2), True, "it is good until"),
    ],
)
def test_due(found: Held | None, is_due: bool, why: str) -> None:
    verdict = due.judge(found, HOSTS, 30 * DAY, NOW)
    assert verdict.due is is_due
    assert verdict.why.startswith(why)


@given(st.floats(0.1, 4000), st.floats(0.1, 4000), st.floats(1, 4000))
def test_two_thirds_of_its_life_are_used(begun: float, left: float, before: float) -> None:
    one = held(begun, left)
    at = due.renewal(one, before * DAY)
    assert one.begin + (one.until - one.begin) * 0.66 < at < one.until
