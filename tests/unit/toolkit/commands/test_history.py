"""`bgctl history` and `bgctl report`, as they are typed."""

import json

import msgspec
import pytest

from tests.unit.toolkit.support.samples import ID, RELEASED, SAMPLES, line
from tests.unit.toolkit.support.worlds import DRAIN, GREEN, World
from toolkit.files import history, kept_logs, samples_file

pytestmark = pytest.mark.whole


@pytest.fixture
def released(world: World) -> World:
    """A release that is over, and a reload after it."""
    world.put("rest", {"version": "1.6.8", "state": "ready", "weight": 100}, NO_GREEN)
    state = world.root / "state"
    for entry in (*RELEASED, line(4000, "reload", old=None, new=None, release=None)):
        history.append(state / "history.jsonl", entry)
    for each in SAMPLES:
        samples_file.append(state, ID, msgspec.json.encode(each))
    kept_logs.write(state, "1.6.7", "frontend-blue", "2026-01-15T11:30:00Z", b"2026-01-15T11:29:59Z bye\n")
    return world


NO_GREEN = {"version": None, "state": "maint", "weight": 0}


def test_a_story_for_people(released: World) -> None:
    said = released.bgctl("history").stdout
    for word in (
        *("1.6.7 -> 1.6.8", "released in 1 h by ada and bea", "route enable-green", "drain", "59 min"),
        *("7505 requests, 2 failed, 1 failed over; 9 sessions moved with a page load", "p99 up to 10 ms"),
        *("bgctl logs 1.6.7", "bgctl report 1.6.8", "reload by ada: done"),
    ):
        assert word in said, word
    assert ". two" not in said
    assert ". two" in released.bgctl("history", "1.6.8").stdout
    assert "reload" not in released.bgctl("history", "1.6.8").stdout


def test_the_same_for_programs(released: World) -> None:
    first, second = json.loads(released.bgctl("history", "--json").stdout)
    assert (first["new"], first["outcome"], first["release"], first["logs"]) == (
        "1.6.8",
        "released",
        ID,
        ["1.6.7"],
    )
    assert first["seen"]["versions"][0]["requests"] == 2105
    assert [each["what"] for each in first["changes"]] == [each.what for each in RELEASED]
    assert (second["new"], second["outcome"]) == (None, "done")


def test_each_change_by_itself(released: World) -> None:
    lines = json.loads(released.bgctl("history", "--changes", "--json").stdout)
    assert [each["what"] for each in lines] == ["up-green 1.6.8", "route enable-green", "promote", "reload"]
    assert lines[0]["from"] == "1.6.7"
    assert len(released.bgctl("history", "--changes", "-n", "2").stdout.splitlines()) == 3


def test_a_report_in_each_form(released: World) -> None:
    assert released.bgctl("report", "1.6.8").stdout.startswith("# shop: 1.6.7 → 1.6.8\n")
    path = released.root / "r.html"
    assert released.bgctl("report", "1.6.8", "--html", str(path)).stdout == f"wrote {path}\n"
    assert path.read_text() == released.bgctl("report", "1.6.8", "--html", "-").stdout
    assert json.loads(released.bgctl("report", "1.6.8", "--json").stdout)["outcome"] == "released"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["report", "1.6.9"], 3, "next: bgctl history 1.6.8"),
        (["history", "1.6.9"], 3, "no release of 1.6.9"),
        (["report", "1.6.8", "--html", "x", "--json"], 2, "take one"),
        (["report", "1.6.8", "--html", "/nowhere/at/all.html"], 3, "next: mkdir /nowhere/at"),
        (["report"], 2, "Usage"),
    ],
)
def test_what_is_refused(released: World, argv: list[str], code: int, said: str) -> None:
    done = released.bgctl(*argv)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr


def test_before_anything_was_done(world: World) -> None:
    assert "nothing has been changed yet" in world.bgctl("history").stdout
    assert world.bgctl("history", "--json").stdout == "[]\n"
    assert "next: bgctl deploy VERSION" in world.bgctl("report", "1.6.8").stderr


def test_logs_of_a_version_that_is_gone(released: World) -> None:
    assert released.bgctl("logs", "1.6.7").stdout == "bye\n"
    assert json.loads(released.bgctl("logs", "--version", "1.6.7", "--json").stdout)["line"] == "bye"
    assert released.bgctl("logs", "1.6.7", "-n", "0").stdout == ""
    running = released.bgctl("logs", "--version", "1.6.8")
    assert (running.returncode, "next: bgctl logs blue" in running.stderr) == (3, True)
    unknown = released.bgctl("logs", "--version", "1.5")
    assert (unknown.returncode, "there are logs of 1.6.7" in unknown.stderr) == (3, True)
    assert released.bgctl("logs", "1.6.7", "-f").returncode == 2


def test_a_change_notes_its_release_its_steps_and_what_was_counted(world: World) -> None:
    world.put("draining", DRAIN, GREEN)
    text = b'bgctl_start_time_seconds 5\nbgctl_requests_total{slot="green",version="1.6.8",status="2xx"} 3\n'
    world.control.answers["/metrics"] = (200, text)
    assert world.bgctl("route", "disable-green").returncode == 0
    assert world.history[-1]["release"] == ID
    found = [json.loads(each) for each in samples_file.read(world.root / "state", ID)]
    assert [(each["step"], each["edge"]) for each in found] == [
        ("route disable-green", "begin"),
        ("route disable-green", "end"),
    ]
    assert found[0]["counted"][0]["version"] == "1.6.8"


def test_a_full_figures_folder_stops_no_change(world: World) -> None:
    world.put("draining", DRAIN, GREEN)
    world.control.answers["/metrics"] = (200, b"bgctl_start_time_seconds 5\n")
    (world.root / "state" / "figures").write_text("this is no folder")
    done = world.bgctl("route", "disable-green")
    assert done.returncode == 0
    assert "what users saw of this is not kept" in done.stderr
