"""The monitor's screen: right at any size, whatever is unknown, and whatever users call themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from rich.text import Text

from toolkit.clients.session_api import Forecast, User
from toolkit.files.history import Entry
from toolkit.monitor import glyphs, layout
from toolkit.monitor.glyphs import ASCII, UNICODE, Glyphs
from toolkit.monitor.screen import draw
from toolkit.monitor.snapshot import Snapshot
from toolkit.observe.overview import ProxyView, SlotView
from toolkit.state.document import Deployment
from toolkit.terminal.ui import printable

NOW = datetime(2026, 1, 14, 13, 45, tzinfo=UTC)
FORECAST = Forecast(*(NOW + timedelta(minutes=n) for n in (5, 35, 6 * 1440 + 120)))
BLUE = SlotView("1.6.7", "drain", 0, "running", "healthy", 34, 30, 12, 7, 4, 0.0)
GREEN = SlotView("1.6.8", "ready", 100, "running", "healthy", 1067, 900, 30, 21, 11, 0.0125)
NOBODY = SlotView(None, "maint", 0, "none", None, None, None, None, None, None, None)
NOTHING_KNOWN = SlotView(None, None, None, None, None, None, None, None, None, None, None)
RELEASE = Deployment("20260114-104500", "1.6.7", "1.6.8", "2026-01-14T10:45:00Z", "drain")


def people(count: int) -> list[User]:
    return [User(f"u{n}", f"user{n}@example.org", NOW - timedelta(minutes=3 + n)) for n in range(count)]


def entry(what: str, at: str = "2026-01-14T10:45:00Z", outcome: str = "done") -> Entry:
    return Entry(at, "ops", what, what, "1.6.7", "1.6.8", 7, 0.1, outcome, "")


SNAPSHOT = Snapshot(
    phase="draining",
    generation=7,
    deployment=RELEASE,
    slots={"blue": BLUE, "green": GREEN},
    proxy=ProxyView(7, 2, 2, None, None),
    migrated=0.96,
    forecast=FORECAST,
    unknown=None,
    silent={},
    at=NOW,
    project="shop",
    users=people(30),
    users_total=30,
    history=[entry("route enable-green"), entry("route canary 10", outcome="failed"), entry("up-green")],
)
UNKNOWN = replace(
    SNAPSHOT,
    slots={"blue": replace(BLUE, **dict.fromkeys(("sessions", "users", "visitors", "container", "health")))},
    proxy=None,
    migrated=None,
    forecast=None,
    unknown="proxy web1:8080 has not reported for 14 s",
    silent={"proxy": "connection refused"},
    users=[],
    users_total=None,
)
UNKNOWN = replace(UNKNOWN, slots={**UNKNOWN.slots, "green": GREEN})
AT_REST = replace(
    SNAPSHOT, phase="rest", deployment=None, slots={"blue": GREEN, "green": NOBODY}, migrated=None, users=[]
)
STATELESS = replace(
    UNKNOWN,
    phase=None,
    generation=None,
    deployment=None,
    slots={"blue": NOTHING_KNOWN, "green": NOTHING_KNOWN},
    history=None,
    users=None,
)


def lines(
    snapshot: Snapshot, width: int = 100, height: int | None = 30, signs: Glyphs = UNICODE
) -> list[str]:
    return [line.plain for line in draw(snapshot, width, height, signs, 10)]


snapshots = st.sampled_from([SNAPSHOT, UNKNOWN, AT_REST, STATELESS])


@given(snapshots, st.integers(1, 200), st.integers(1, 80), st.sampled_from([UNICODE, ASCII]))
def test_it_fits_every_screen(snapshot: Snapshot, width: int, height: int, signs: Glyphs) -> None:
    drawn = lines(snapshot, width, height, signs)
    assert len(drawn) == height
    assert max(map(cell_len, drawn)) <= width


@given(
    st.text(st.characters(codec="utf-8"), max_size=80),
    st.text(st.characters(codec="utf-8"), max_size=80),
    st.integers(20, 120),
)
def test_what_users_call_themselves_steers_no_terminal(name: str, reason: str, width: int) -> None:
    user = User(name, name or None, NOW)
    snapshot = replace(SNAPSHOT, users=[user], users_total=1, unknown=reason, silent={"session API": reason})
    drawn = lines(snapshot, width, 60)
    assert all(line.isprintable() for line in drawn)
    assert max(map(cell_len, drawn)) <= width


def test_the_most_important_is_there_on_60_columns_and_20_lines() -> None:
    text = "\n".join(lines(SNAPSHOT, 60, 20))
    for said in ("draining", "1.6.7 → 1.6.8", "blue 1.6.7", "ready 100 %", "running, healthy", "34", "1,067"):
        assert said in text
    for said in ("96 %", "likely in 35 min", "earliest in 5 min", "latest in 6 d 2 h", "user0@example.org"):
        assert said in text
    assert "and 29 more" in text


@pytest.mark.parametrize("height", range(4, 20))
def test_what_has_no_room_goes_from_below(height: int) -> None:
    tall = [line for line in lines(SNAPSHOT, 60, 60)[:-1] if line]
    low = [line for line in lines(SNAPSHOT, 60, height)[:-1] if line]
    least = 14  # as far as the forecast: below it, users and history are as many as fit
    assert low[:least] == tall[: min(least, len(low))]


def test_what_is_unknown_is_said_with_its_reason() -> None:
    text = "\n".join(lines(UNKNOWN))
    assert "! sessions are unknown: proxy web1:8080 has not reported for 14 s" in text
    assert "! proxy: connection refused" in text
    assert "container unknown, health unknown" in text
    rows = {line.split()[0]: line.split()[1] for line in lines(UNKNOWN) if "   unknown   " in line}
    assert rows == dict.fromkeys(("sessions", "users", "visitors"), "unknown")
    (progress,) = (line for line in lines(UNKNOWN) if line.startswith("migrated"))
    assert progress.endswith("unknown")


@pytest.mark.parametrize(("height", "said"), [(20, 4), (60, 10)])
def test_alarms_leave_room_for_the_slots(height: int, said: int) -> None:
    drawn = lines(
        replace(SNAPSHOT, silent={f"source {n}": "no answer for 3 s" for n in range(10)}), 60, height
    )
    told = [line for line in drawn if line.startswith("! source")]
    more = [int(line.split()[2]) for line in drawn if line.startswith("! and ")]
    assert (len(told), len(told) + sum(more)) == (said, 10)
    assert any(line.startswith("sessions") for line in drawn)


def test_a_count_of_nobody_is_not_unknown() -> None:
    empty = replace(BLUE, sessions=0, users=0, visitors=0, error_rate=None)
    text = lines(replace(SNAPSHOT, slots={"blue": empty, "green": empty}))
    (sessions,) = (line for line in text if line.startswith("sessions"))
    assert "■" not in sessions
    assert sessions.split() == ["sessions", "·" * 28, "0", "sessions", "·" * 29, "0"]
    (errors,) = (line for line in text if line.startswith("errors"))
    assert errors.split() == ["errors", "-", "errors", "-"]


def test_sessions_of_a_version_that_both_slots_serve_are_shown_once() -> None:
    both = replace(SNAPSHOT, phase="promoting", slots={"blue": GREEN, "green": replace(GREEN, state="drain")})
    (sessions,) = (line for line in lines(both) if line.startswith("sessions"))
    assert (sessions.count("1,067"), sessions.split()[-2:]) == (1, ["as", "blue"])


def test_why_something_failed_is_told() -> None:
    failed = replace(entry("route canary 10", outcome="failed"), why="not every worker has it")
    drawn = lines(replace(SNAPSHOT, history=[failed]))
    ((at, line),) = ((at, line) for at, line in enumerate(drawn) if "canary" in line)
    assert line.endswith("failed")
    assert drawn[at + 1].endswith("       not every worker has it"), "below: beside it, it would be cut"
    (line,) = (line for line in lines(replace(SNAPSHOT, history=[failed]), 80) if "canary" in line)
    assert line.split()[-6:] == ["not", "every", "worker", "has", "it", "failed"]


def test_at_rest_it_shows_one_slot() -> None:
    text = lines(AT_REST)
    assert text[0].startswith("rest   ")
    assert any("nothing runs" in line for line in text)
    assert not any(line.startswith(("migrated", "empty", "users on")) for line in text)


@given(st.integers(0, 60), st.integers(20, 60), st.sampled_from([60, 100]))
def test_users_are_as_many_as_fit_and_the_rest_is_counted(count: int, height: int, width: int) -> None:
    drawn = lines(replace(SNAPSHOT, users=people(count), users_total=count), width, height)
    shown = sum("@example.org" in line for line in drawn)
    more = [int(line.split()[1]) for line in drawn if line.startswith("and ")]
    assert shown + sum(more) == count
    assert (not more) is (shown == count)


def test_history_takes_the_place_of_users_when_there_are_none() -> None:
    drawn = lines(replace(SNAPSHOT, users=[], users_total=0), 120, 40)
    assert any(line.startswith("history ─") for line in drawn)
    assert not any(line.startswith("users on") for line in drawn)


def test_a_user_without_an_address_goes_by_the_id() -> None:
    snapshot = replace(SNAPSHOT, users=[User("u17", None, NOW - timedelta(minutes=3))], users_total=1)
    (line,) = (line for line in lines(snapshot, 60, 40) if line.startswith("u17"))
    assert line.endswith("3 min ago")


def test_slots_are_told_apart_without_colour() -> None:
    for signs in (UNICODE, ASCII):
        title = next(line for line in lines(SNAPSHOT, signs=signs) if "blue" in line)
        assert title.startswith(f"{signs.marks['blue']} blue 1.6.7")
        assert f"{signs.marks['green']} green 1.6.8" in title


def test_without_unicode_it_is_ascii() -> None:
    assert "\n".join(lines(SNAPSHOT, signs=glyphs.for_encoding("latin-1"))).isascii()
    assert glyphs.for_encoding("utf-8") is UNICODE
    assert glyphs.for_encoding("no such encoding") is ASCII


def test_numbers_end_where_their_column_ends() -> None:
    rows = [
        line for line in lines(SNAPSHOT) if line.startswith(("sessions", "users  ", "visitors", "requests"))
    ]
    assert {cell_len(line) for line in rows} == {100}
    assert {line[47] != " " for line in rows} == {True}


def test_one_picture_is_as_long_as_it_gets_and_has_no_keys() -> None:
    drawn = [line.plain for line in draw(SNAPSHOT, 100, None, UNICODE)]
    assert "q quits" not in "\n".join(drawn)
    assert "and 12 more" in "\n".join(drawn)


@given(st.floats(0, 1), st.integers(0, 60))
def test_a_bar_is_full_only_when_all_is_done(share: float, width: int) -> None:
    drawn = layout.bar(share, width, "", UNICODE).plain
    full = drawn.count(UNICODE.full)
    assert len(drawn) == width
    if width >= 2:
        assert (full == width) is (share == 1)
        assert (full == 0) is (share == 0)


@given(st.text(max_size=30), st.text(max_size=30), st.integers(1, 40))
def test_two_ends_of_a_line_never_overlap(left: str, right: str, width: int) -> None:
    both = layout.apart(Text(printable(left)), Text(printable(right)), width, UNICODE, "─").plain
    assert cell_len(both) == width
