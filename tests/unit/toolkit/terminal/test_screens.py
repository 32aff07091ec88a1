"""Screens of any size: no word is cut, no line is too long, and colours can be read on light and on dark."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from session_api.keys import signing_keys
from tests.terminals import Terminal
from tests.unit.toolkit.support.release_worlds import ReleaseWorld
from tests.unit.toolkit.support.worlds import BGCTL
from toolkit.terminal import table

pytestmark = pytest.mark.whole

CODES = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
WHY = "not every worker has it: the proxy on web1.example.org has not answered for 14 s, asked three times"
# SGR codes that are hard to read on one background or the other: white and black, yellow, and dark blue.
HARD = {"30", "33", "34", "37", "90", "93", "97"}
SCREENS = ("status", "sessions --users", "history", "doctor", "keys list", "monitor --once")


@pytest.fixture
def eventful(release: ReleaseWorld) -> ReleaseWorld:
    """Everything that may be long is: reasons, addresses, faults, versions."""
    history = release.root / "state" / "history.jsonl"
    history.write_text(history.read_text().replace("not every worker has it", WHY))
    release.people[3] = ("user3", "somebody-with-a-long-name@mail.department.example.org", 97)
    release.blue.answers["/healthz"] = (503, b"the database is not there")
    signing_keys.create(release.root / "keys", "ES256")
    return release


def shown(release: ReleaseWorld, command: str, columns: int, **env: str) -> str:
    """What a terminal of so many columns is sent."""
    argv = [str(BGCTL), "--project", str(release.root), *command.split()]
    terminal = Terminal(argv, {**release.env, **env}, columns)
    try:
        terminal.ended()
    finally:
        terminal.close()
    return terminal.output.replace("\r\n", "\n")


def words(text: str) -> set[str]:
    """Those that are the same a minute later."""
    return {word for word in re.split(r"[\s:]+", text) if not re.search(r"\d", word)} - {
        "just",
        "now",
        "in",
        "s",
        "min",
        "ago",
    }


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", SCREENS)
def test_no_screen_cuts_a_word_or_is_wider_than_its_terminal(
    eventful: ReleaseWorld, command: str, columns: int
) -> None:
    text = CODES.sub("", shown(eventful, command, columns))
    assert text.strip()
    assert "…" not in text
    assert max(map(cell_len, text.splitlines())) <= columns
    if "monitor" not in command:
        piped = eventful.bgctl(*command.split(), env=eventful.env).stdout
        assert words(piped) <= words(text) | {"unhealthy"}, "every word of it is there, and whole"


def test_status_on_80_columns_has_a_column_for_each_slot(release: ReleaseWorld) -> None:
    text = CODES.sub("", shown(release, "status", 80))
    cells = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert cells["slot"] == ["blue", "green"]
    assert (cells["version"], cells["sessions"], cells["WebSockets"]) == (
        ["1.6.7", "1.6.8"],
        ["34", "67"],
        ["4", "11"],
    )
    assert "drain: keeps the sessions that it has, gets no new ones" in text


def test_a_failed_health_check_is_told_whole_on_80_columns(release: ReleaseWorld) -> None:
    release.blue.stop()
    text = " ".join(CODES.sub("", shown(release, "status", 80)).split())
    assert re.search(r"blue is down: frontend-blue: connection refused.*; next: ", text), text


@pytest.mark.parametrize("command", SCREENS)
def test_colours_can_be_read_on_light_and_on_dark(eventful: ReleaseWorld, command: str) -> None:
    used = {
        code
        for codes, kind in CODES.findall(shown(eventful, command, 100))
        if kind == "m"
        for code in codes.split(";")
    }
    assert used
    assert not used & HARD
    assert not [code for code in used if code.startswith("4")], "no background of our own"


@pytest.mark.parametrize("command", SCREENS)
def test_no_color_is_heeded(eventful: ReleaseWorld, command: str) -> None:
    text = shown(eventful, command, 100, NO_COLOR="1")
    used = {code for codes, kind in CODES.findall(text) if kind == "m" for code in codes.split(";")}
    assert used <= {"", "0", "1", "2"}, "bold and faint are no colours"


def test_off_a_terminal_a_row_is_a_line(eventful: ReleaseWorld) -> None:
    for command in ("history", "doctor"):
        text = eventful.bgctl(*command.split(), env=eventful.env).stdout
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) > 120
    assert WHY in eventful.bgctl("history", env=eventful.env).stdout


cells = st.text("abc 12", max_size=40)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=5)
)


@given(tables, st.integers(60, 200), st.booleans())
def test_a_table_of_any_shape_keeps_its_words_and_its_width(
    rows: list[list[str]], room: int, turns: bool
) -> None:
    head = [f"h{at}" for at in range(len(rows[0]))]
    drawn = [line.plain for line in table.lines(head, rows, room, turns)]
    assert max(map(len, drawn)) <= room
    said = {word for line in drawn for word in re.split(r"[\s:]+", line)}
    assert {word for row in rows for cell in row for word in cell.split()} <= said


def test_the_shapes_of_a_table() -> None:
    head, rows = ("name", "count", "why"), [["blue", "7", "so it has always been"], ["green", "12", "-"]]

    def shape(room: int, turns: bool = False) -> list[str]:
        return [line.plain for line in table.lines(head, rows, room, turns)]

    assert shape(80) == ["name   count  why", "blue       7  so it has always been", "green     12  -"]
    assert table.plain(head, rows) == shape(80)
    assert shape(28) == [
        "name   count  why",
        "blue       7  so it has",
        "              always been",
        "green     12  -",
    ]
    assert shape(19) == [
        "name   count",
        "blue       7",
        "    why: so it has",
        "    always been",
        "green     12",
        "    why: -",
    ]
    head, rows = ("name", "sessions", "visitors"), [["blue", "7", "8"], ["green", "12", "-"]]
    assert shape(22) == [
        "name   sessions",
        "blue          7",
        "    visitors: 8",
        "green        12",
        "    visitors: -",
    ]
    assert shape(22, turns=True) == ["name      blue  green", "sessions  7     12", "visitors  8     -"]


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("a b", 3, "a b"),
        ("latest in 6 d 2 h", 12, "latest in\n  6 d 2 h"),
        (
            "see https://shop.example/a/long/address now",
            20,
            "see\n  https://shop.example/a/long/address\n  now",
        ),
        ("one\ntwo", 10, "one\ntwo"),
    ],
)
def test_lines_break_between_words(text: str, room: int, lines: str) -> None:
    assert table.wrapped(text, room, "  ") == lines


def test_help_is_quick(release: ReleaseWorld) -> None:
    """In processor time, which does not depend on who else is at work here."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert release.bgctl("--help").returncode == 0
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.3
