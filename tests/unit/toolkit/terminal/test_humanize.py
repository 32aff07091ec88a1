"""Times and durations as people say them."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.clients.session_api import Forecast
from toolkit.terminal import humanize

NOW = datetime(2026, 1, 14, 13, 45, tzinfo=UTC)  # a Wednesday
SIZES = {"d": 86400, "h": 3600, "min": 60, "s": 1}
seconds = st.floats(-1e6, 1e9)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


def parse(text: str) -> list[tuple[int, int]]:
    """(count, size of the unit) of each part."""
    return [(int(count), SIZES[unit]) for count, unit in re.findall(r"(\d+) (d|h|min|s)\b", text)]


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (125, "2 min"),
        (35 * 60, "35 min"),
        (7500, "2 h 5 min"),
        (7201, "2 h"),
        (86400 * 6 + 7200, "6 d 2 h"),
    ],
)
def test_span(length: float, said: str) -> None:
    assert humanize.span(length) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0.04, "0.0 s"),
        (4.24, "4.2 s"),
        (42.4, "42 s"),
        (60, "1 min"),
        (2100, "35 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (2 * 86400, "2 d"),
        (60 * 3600, "2 d 12 h"),
    ],
)
def test_how_long_something_took(length: float, said: str) -> None:
    assert humanize.took(length) == said


@given(seconds, st.integers(1, 4))
def test_a_span_is_rounded_down_to_its_last_unit(length: float, parts: int) -> None:
    found = parse(humanize.span(length, parts))
    sizes = list(SIZES.values())
    first = sizes.index(found[0][1])
    smallest = sizes[min(first + parts, 4) - 1] if first == 3 else max(60, sizes[min(first + parts, 4) - 1])
    said = sum(count * size for count, size in found)
    assert 1 <= len(found) <= parts
    assert said <= max(0, length) < said + smallest


@given(seconds, seconds)
def test_a_longer_span_never_sounds_shorter(one: float, other: float) -> None:
    def heard(length: float) -> int:
        return sum(count * size for count, size in parse(humanize.span(length)))

    short, long = sorted((one, other))
    assert heard(short) <= heard(long)


@pytest.mark.parametrize(
    ("length", "before", "after"),
    [
        (-3, "just now", "now"),
        (0.5, "just now", "now"),
        (59.9, "59 s ago", "in 59 s"),
        (34 * 60 + 57, "34 min ago", "in 35 min"),
        (1, "1 s ago", "in 1 s"),
        (200, "3 min ago", "in 3 min"),
        (35 * 60, "35 min ago", "in 35 min"),
        (3 * 3600 + 60, "3 h ago", "in 3 h 1 min"),
    ],
)
def test_ago_and_until(length: float, before: str, after: str) -> None:
    assert (humanize.ago(length), humanize.until(length)) == (before, after)


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (timedelta(minutes=35), "14:20"),
        (timedelta(hours=-13), "00:45"),
        (timedelta(days=1), "Thu 13:45"),
        (timedelta(hours=10, minutes=15), "Thu 00:00"),
        (timedelta(days=6), "Tue 13:45"),
        (timedelta(days=7), "21 Jan 13:45"),
        (timedelta(days=-1), "13 Jan 13:45"),
    ],
)
def test_clock(later: timedelta, said: str) -> None:
    assert humanize.clock(NOW + later, NOW, UTC) == said


@given(moments, moments, zones)
def test_a_clock_is_as_short_as_it_may_be(then: datetime, now: datetime, zone: timezone) -> None:
    said = humanize.clock(then, now, zone)
    local = then.astimezone(zone)
    days = (local.date() - now.astimezone(zone).date()).days
    assert said.endswith(f"{local:%H:%M}")
    assert (said.count(" ") == 0) is (days == 0)
    assert (said.count(" ") == 1) is (0 < days < 7)


def test_a_clock_is_that_of_its_zone() -> None:
    east = timezone(timedelta(hours=2))
    assert humanize.clock(NOW, NOW, east) == "15:45"
    assert humanize.clock(NOW + timedelta(hours=9), NOW, east) == "Thu 00:45"


def test_the_machines_own_zone_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setenv("TZ", "XYZ-2")
        time.tzset()
        assert humanize.clock(NOW, NOW) == "15:45"
    time.tzset()


@pytest.mark.parametrize(
    ("share", "digits", "said"),
    [
        (0, 0, "0 %"),
        (0, 1, "0.0 %"),
        (0.678, 0, "68 %"),
        (0.0125, 1, "1.2 %"),
        (0.0004, 1, "< 0.1 %"),
        (0.003, 0, "< 1 %"),
        (0.999, 0, "99 %"),
        (1, 0, "100 %"),
    ],
)
def test_percent(share: float, digits: int, said: str) -> None:
    assert humanize.percent(share, digits) == said


@given(st.floats(0, 1), st.integers(0, 2))
def test_all_and_nothing_are_said_only_when_it_is_so(share: float, digits: int) -> None:
    said = humanize.percent(share, digits)
    assert (said.strip("0. ") == "%") is (share == 0)
    assert said.startswith("100") is (share == 1)


EARLIEST, LIKELY, LATEST = (NOW + timedelta(minutes=n) for n in (5, 35, 6 * 1440 + 120))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, ""),
        (Forecast(), ""),
        (Forecast(likely=LIKELY), "likely in 35 min (14:20)"),
        (Forecast(latest=NOW - timedelta(seconds=1)), "latest now (13:44)"),
        (
            Forecast(EARLIEST, LIKELY, LATEST),
            "earliest in 5 min (13:50), likely in 35 min (14:20), latest in 6 d 2 h (Tue 15:45)",
        ),
    ],
)
def test_forecast(found: Forecast | None, said: str) -> None:
    assert humanize.forecast(found, NOW, UTC) == said


@pytest.mark.parametrize(
    ("amount", "said"), [(0, "0 B"), (999, "999 B"), (12_345, "12 kB"), (94e6, "94 MB"), (1.26e9, "1.3 GB")]
)
def test_sizes(amount: float, said: str) -> None:
    assert humanize.size(amount) == said


@pytest.mark.parametrize(
    ("count", "things", "said"),
    [
        (0, "sessions", "0 sessions"),
        (1, "sessions", "1 session"),
        (2, "WebSockets", "2 WebSockets"),
        (1, "visitors (not waited for)", "1 visitor (not waited for)"),
        (None, "sessions", "unknown sessions"),
    ],
)
def test_one_of_many(count: int | None, things: str, said: str) -> None:
    assert humanize.many(count, things) == said
