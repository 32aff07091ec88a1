"""`bgctl pause`, `resume` and `maintenance`, run for real on a project whose stack is plain HTTP servers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.toolkit.support.worlds import CANDIDATE, DRAIN, GREEN, NONE, READY, World
from toolkit.config import parse
from toolkit.rendering import nginx_conf
from toolkit.state import gate
from toolkit.state.document import Gate

pytestmark = pytest.mark.whole

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@pytest.fixture
def draining(world: World) -> World:
    world.put("draining", DRAIN, GREEN, "drain")
    return world


def test_a_pause_without_a_command_stays(draining: World) -> None:
    before = draining.state
    done = draining.bgctl("pause", "--for", "1h")
    assert done.returncode == 0, done.stderr
    closed = draining.state["gate"]
    length = datetime.fromisoformat(closed["until"]) - datetime.fromisoformat(closed["since"])
    assert timedelta(hours=1) <= length <= timedelta(hours=1, seconds=2)
    assert "next: bgctl resume" in done.stdout
    assert draining.state == {**before, "gate": closed, "generation": 8}, "and nothing else has moved"
    assert draining.bgctl("resume").returncode == 0
    assert draining.state == {**before, "generation": 9}
    assert [entry["what"] for entry in draining.history] == ["pause", "resume"]
    assert "nothing to do" in draining.bgctl("resume").stdout


def test_a_command_runs_while_it_is_paused(draining: World) -> None:
    done = draining.bgctl("pause", "--", "cat", str(draining.root / "state" / "state.json"))
    assert done.returncode == 0, done.stderr
    assert '"mode": "pause"' in done.stdout
    assert "gate" not in draining.state
    assert [(entry["what"], entry["outcome"]) for entry in draining.history] == [("pause", "done")]


def test_json_is_the_state_and_what_the_command_says_goes_elsewhere(draining: World) -> None:
    done = draining.bgctl("pause", "--json", "--", "echo", "said")
    assert json.loads(done.stdout)["generation"] == 9
    assert "said" in done.stderr


@pytest.mark.parametrize(("script", "said"), [("exit 3", "exit code 3"), ("kill -9 $$", "ended by signal 9")])
def test_a_command_that_fails_is_said_and_requests_go_through(
    draining: World, script: str, said: str
) -> None:
    done = draining.bgctl("pause", "--", "sh", "-c", script)
    assert done.returncode == 1
    assert f"the command failed: {said}" in done.stderr
    assert "gate" not in draining.state
    assert draining.history[-1]["outcome"] == "failed"


def test_open_requests_are_waited_for_in_half_of_the_time_and_told(draining: World) -> None:
    draining.open["blue"] = (7, 4)
    done = draining.bgctl("pause", "--for", "1s", "--", "true")
    assert done.returncode == 0, done.stderr
    assert "still open after 0.5 s: 3 requests" in done.stderr
    draining.open["blue"] = (4, 4)
    assert "still open" not in draining.bgctl("pause", "--", "true").stderr, "WebSockets stay"


def test_a_pause_that_is_not_confirmed_is_taken_back(draining: World) -> None:
    """The proxy is away: it opens when it reads the state."""
    draining.control.stop()
    done = draining.bgctl("pause", "--for", "1h")
    assert done.returncode == 1
    assert "gate" not in draining.state


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("pause", "--", "no-such-program"), "no-such-program was not found"),
        (("pause", "--for", "off"), "--for off"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_changes(
    draining: World, argv: tuple[str, ...], why: str
) -> None:
    before = draining.state
    done = draining.bgctl(*argv)
    assert done.returncode == 3
    assert why in done.stderr
    assert draining.state == before


def test_maintenance_and_pause_know_of_each_other(draining: World) -> None:
    assert draining.bgctl("pause").returncode == 0
    assert "bgctl resume" in draining.bgctl("maintenance", "off").stderr
    assert draining.bgctl("maintenance", "on").returncode == 0
    assert draining.state["gate"]["mode"] == "maintenance"
    for argv in (("pause",), ("resume",)):
        done = draining.bgctl(*argv)
        assert (done.returncode, "next: bgctl maintenance off" in done.stderr) == (3, True)
    assert draining.bgctl("maintenance", "off").returncode == 0
    assert "nothing to do" in draining.bgctl("maintenance", "off").stdout


@pytest.mark.parametrize(
    "argv", [("pause", "--dry-run"), ("maintenance", "on", "--dry-run"), ("pause", "--dry-run", "--", "true")]
)
def test_a_dry_run_changes_nothing(draining: World, argv: tuple[str, ...]) -> None:
    before = draining.state
    done = draining.bgctl(*argv)
    assert done.returncode == 0, done.stderr
    assert "dry run" in done.stdout
    assert draining.state == before


def test_a_release_keeps_the_gate(world: World) -> None:
    world.put("candidate", READY, CANDIDATE)
    world.bgctl("maintenance", "on")
    assert world.bgctl("route", "enable-green").returncode == 0
    assert world.state["gate"]["mode"] == "maintenance"


def test_status_doctor_and_monitor_say_it_loudly(world: World) -> None:
    world.put("rest", READY, NONE)
    world.bgctl("pause", "--for", "1h")
    for argv in (("status",), ("doctor",), ("monitor", "--once")):
        said = world.bgctl(*argv).stdout
        assert "paused since" in said, argv
        assert "bgctl resume" in " ".join(said.split()), argv
    assert json.loads(world.bgctl("status", "--json").stdout)["gate"]["mode"] == "pause"


def test_the_words() -> None:
    pause = Gate("pause", "2026-01-15T10:29:50Z", "2026-01-15T10:30:10Z")
    assert gate.describe(pause, NOW, 3).endswith("held until 2026-01-15T10:30:10Z, 3 wait")
    assert gate.describe(pause, NOW).endswith("held until 2026-01-15T10:30:10Z")
    over = gate.describe(pause, NOW + timedelta(minutes=1))
    assert "since 2026-01-15T10:30:10Z every new request is turned away" in over
    assert gate.opener(pause) == "bgctl resume"
    assert gate.opener(Gate("maintenance", "2026-01-15T10:29:50Z")) == "bgctl maintenance off"


def test_whom_maintenance_serves_is_in_the_configuration() -> None:
    example = (Path(__file__).parents[4] / "bgctl.example.toml").read_text()
    text = example.replace("allow = []", 'allow = ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"]')
    block = nginx_conf.render(parse(text)).partition("geo $bg_allowed {")[2].partition("}")[0]
    assert [line.split() for line in block.strip().splitlines()] == [
        ["default", '"";'],
        ["192.0.2.7/32", "1;"],
        ["10.0.0.0/8", "1;"],
        ["2001:db8::/32", "1;"],
    ]


def test_a_page_that_is_missing_is_named(world: World) -> None:
    toml = (world.root / "bgctl.toml").read_text()
    (world.root / "bgctl.toml").write_text(toml.replace('\npage = ""', '\npage = "pages/down.html"'))
    done = world.bgctl("doctor")
    assert "maintenance.page names pages/down.html" in " ".join(done.stdout.split())
