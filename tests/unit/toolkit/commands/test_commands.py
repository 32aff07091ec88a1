"""The commands that need no container, run for real on a project whose stack is plain HTTP servers."""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.toolkit.support.worlds import BGCTL, World

pytestmark = pytest.mark.whole

READY = {"version": "1.6.7", "state": "ready", "weight": 100}
DRAIN = {"version": "1.6.7", "state": "drain", "weight": 0}
OUT = {"version": "1.6.7", "state": "maint", "weight": 0}
LOOK = ("drain", "--timeout", "1ms")
NONE = {"version": None, "state": "maint", "weight": 0}
CANDIDATE = {"version": "1.6.8", "state": "maint", "weight": 0}
GREEN = {"version": "1.6.8", "state": "ready", "weight": 100}


def rest(world: World) -> None:
    world.put("rest", READY, NONE)


def candidate(world: World) -> None:
    world.put("candidate", READY, CANDIDATE)


def canary(world: World) -> None:
    world.put("canary", {**READY, "weight": 90}, {**GREEN, "weight": 10}, "canary")


def draining(world: World) -> None:
    world.put("draining", DRAIN, GREEN, "drain")


def promoting(world: World) -> None:
    world.put("promoting", OUT, GREEN, "retire-blue")


def refused(world: World, *argv: str, code: int = 3) -> str:
    before = world.state
    done = world.bgctl(*argv)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert world.state == before
    return done.stdout + done.stderr


def test_enable_green_writes_once_and_waits_for_the_proxy(world: World) -> None:
    candidate(world)
    done = world.bgctl("route", "enable-green")
    assert done.returncode == 0, done.stderr
    assert (world.state["generation"], world.state["phase"], world.state["slots"]) == (
        8,
        "draining",
        {"blue": DRAIN, "green": GREEN},
    )
    assert " ms " in done.stdout
    entry = world.history[-1]
    assert (entry["what"], entry["outcome"], entry["from"], entry["to"]) == (
        "route enable-green",
        "done",
        "1.6.7",
        "1.6.8",
    )
    assert (entry["command"], entry["generation"]) == ("route enable-green", 8)


@pytest.mark.parametrize("command", ["enable-green", "disable-green", "canary 10", "canary 0", "canary 100"])
def test_the_same_switch_again_is_no_change(world: World, command: str) -> None:
    candidate(world)
    assert world.bgctl("route", *command.split()).returncode == 0
    before = world.state
    again = world.bgctl("route", *command.split())
    assert (again.returncode, world.state) == (0, before)
    assert "nothing to do" in again.stdout


def test_canary_shares_new_sessions(world: World) -> None:
    candidate(world)
    done = world.bgctl("route", "canary", "10", "--json")
    assert json.loads(done.stdout) == world.state
    assert [world.state["slots"][slot]["weight"] for slot in ("blue", "green")] == [90, 10]


def test_a_dry_run_writes_nothing(world: World) -> None:
    candidate(world)
    before = sorted(path for path in world.root.rglob("*"))
    assert "would write generation 8" in refused(world, "route", "enable-green", "--dry-run", code=0)
    assert sorted(path for path in world.root.rglob("*")) == before


@pytest.mark.threat(45)
def test_45_a_slot_that_is_not_healthy_gets_no_traffic(world: World) -> None:
    candidate(world)
    world.serve(world.green, "0.0.0")
    assert "answered 0.0.0, wanted 1.6.8" in refused(world, "route", "enable-green")
    draining(world)
    world.blue.answers["/healthz"] = (500, b"")
    assert "blue is not healthy" in refused(world, "route", "disable-green")


def test_a_switch_that_the_proxy_does_not_confirm_fails_and_says_that_it_is_written(world: World) -> None:
    candidate(world)
    world.control.answers["/status"] = (500, b"")
    done = world.bgctl("route", "enable-green")
    assert done.returncode == 1
    assert "the new routing is written" in done.stderr
    assert world.state["phase"] == "draining"
    assert world.history[-1]["outcome"] == "failed"


@pytest.mark.threat(45)
@pytest.mark.parametrize(
    ("phase", "argv", "next"),
    [
        (rest, "route enable-green", "bgctl up-green VERSION"),
        (rest, "route canary 10", "bgctl up-green VERSION"),
        (rest, "drain", "bgctl up-green VERSION"),
        (rest, "promote", "bgctl up-green VERSION"),
        (candidate, "promote", "bgctl route enable-green"),
        (candidate, "drain", "bgctl status"),
        (promoting, "route enable-green", "bgctl promote, or bgctl rollback"),
        (promoting, "drain", "bgctl status"),
    ],
)
def test_45_what_a_phase_forbids(world: World, phase: Callable[[World], None], argv: str, next: str) -> None:
    phase(world)
    assert f"next: {next}" in refused(world, *argv.split())


def test_disable_blue_asks_first_when_sessions_would_be_moved(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 3}
    assert "3 sessions" in refused(world, "route", "disable-blue")
    world.sessions = None
    assert "unknown sessions" in refused(world, "route", "disable-blue")
    assert world.bgctl("route", "disable-blue", "--yes").returncode == 0
    assert world.state["slots"]["blue"] == OUT


def test_drain_waits_for_sessions_visitors_and_websockets(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2, "1.6.8": 9}
    assert "2 sessions" in refused(world, *LOOK, code=5)
    world.sessions, world.visitors = {}, {"1.6.7": 4}
    assert "0 sessions, 4 visitors" in refused(world, *LOOK, code=5)
    world.visitors, world.open["blue"] = {}, (3, 1)
    assert "2 requests, 1 WebSocket" in refused(world, *LOOK, code=5)
    assert "not empty yet" in refused(world, "drain", "--timeout", "50ms", "--interval", "10ms", code=5)
    world.open["blue"] = (0, 0)
    done = world.bgctl("drain")
    assert (done.returncode, world.state["deployment"]["step"], world.state["generation"]) == (
        0,
        "drained",
        8,
    )
    assert len(done.stdout.splitlines()) == 1
    assert world.bgctl("drain").returncode == 0
    assert world.state["generation"] == 8


@pytest.mark.threat(54)
def test_54_an_unknown_count_is_not_empty(world: World) -> None:
    draining(world)
    world.sessions = None
    assert "unknown sessions, unknown visitors" in refused(world, *LOOK, code=5)
    assert refused(world, "drain", "--auto", code=5) == ""
    world.sessions, world.unknown = {}, "proxy web1:8080 has not reported for 14 s"
    assert "web1:8080 has not reported" in refused(world, *LOOK, code=5)
    world.unknown, world.control.answers["/status"] = None, (500, b"")
    assert "unknown requests" in refused(world, *LOOK, code=5)
    assert refused(world, "drain", "--auto", code=5) == ""
    assert not (world.root / "state" / "history.jsonl").exists()


@pytest.mark.threat(48)
def test_48_under_cron_it_is_silent_while_somebody_is_left(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2}
    done = world.bgctl("drain", "--auto", env={})
    assert (done.returncode, done.stdout + done.stderr) == (5, "")


@pytest.mark.threat(48)
@pytest.mark.parametrize("phase", [rest, candidate, canary])
def test_48_under_cron_it_is_silent_while_nothing_drains(
    world: World, phase: Callable[[World], None]
) -> None:
    phase(world)
    assert refused(world, "drain", "--auto", code=0) == ""


@pytest.mark.threat(46)
def test_46_ctrl_c_while_draining_is_130_and_changes_nothing(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2}
    before = world.state
    command = [str(BGCTL), "--project", str(world.root), "drain"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert "1.6.7 still has 2 sessions" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, world.state) == (130, before)
    assert "next: bgctl --project" in err
    assert "Traceback" not in err


@pytest.mark.threat(67)
def test_67_doctor_says_where_pins_last_longer_than_is_written(world: World) -> None:
    path = world.root / "bgctl.toml"
    path.write_text(path.read_text().replace('pin_idle = "off"', 'pin_idle = "10m"'))
    found = json.loads(world.bgctl("doctor", "--json").stdout)["checks"][0]
    assert (found["check"], found["result"]) == ("configuration", "warn")
    assert "[proxy] pin_idle is 600s, [sessions] idle_timeout is 1800s" in found["seen"]


@pytest.mark.threat(44)
def test_44_a_second_bgctl_is_4_at_once(world: World) -> None:
    candidate(world)
    directory = os.open(world.root / "state" / "lock", os.O_RDWR | os.O_CREAT, 0o660)
    fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        assert "another bgctl" in refused(world, "route", "enable-green", code=4)
        assert world.bgctl("route", "status").returncode == 0
        assert world.bgctl("route", "enable-green", "--dry-run").returncode == 0
    finally:
        os.close(directory)


def test_promote_is_refused_while_blue_has_somebody(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 1}
    assert "1.6.7 still has 1 session" in refused(world, "promote")
    world.sessions = None
    assert "unknown sessions" in refused(world, "promote")
    world.sessions, world.open["blue"] = {}, (1, 1)
    assert "1 WebSocket" in refused(world, "promote")
    world.open["blue"] = (0, 0)
    world.serve(world.green, "0.0.0")
    assert "green is not healthy" in refused(world, "promote")
    assert world.history[-1]["outcome"] == "refused"


@pytest.mark.threat(45)
def test_45_a_rollback_with_nothing_to_roll_back_is_no_error(world: World) -> None:
    rest(world)
    line: dict[str, Any] = {"at": "x", "who": "x", "command": "x", "what": "promote"}
    line |= {"from": "1.6.6", "to": "1.6.7", "generation": 1, "seconds": 1.0, "outcome": "done", "why": ""}
    (world.root / "state" / "history.jsonl").write_text(json.dumps(line) + "\n")
    assert "bgctl rollback --to 1.6.6" in refused(world, "rollback", code=0)


def test_sessions(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2, "1.6.8": 9}
    shown = world.bgctl("sessions")
    assert shown.returncode == 0
    assert "2 sessions on other versions" in shown.stdout
    assert json.loads(world.bgctl("sessions", "--json").stdout)["versions"]["1.6.8"]["sessions"] == 9
    world.sessions = None
    assert "unknown" in refused(world, "sessions", code=1)


def test_status_shows_what_it_can_learn(world: World) -> None:
    draining(world)
    world.sessions, world.open["green"] = {"1.6.7": 2}, (4, 3)
    view = json.loads(world.bgctl("status", "--json").stdout)
    assert view["slots"]["blue"]["sessions"] == 2
    assert (view["slots"]["green"]["open"], view["slots"]["green"]["websockets"]) == (4, 3)
    assert (view["slots"]["green"]["health"], view["proxy"]["generation"]) == ("healthy", 7)
    world.sessions = None
    world.control.answers["/status"] = (500, b"")
    done = world.bgctl("status")
    assert done.returncode == 0
    assert "unknown" in done.stdout
    assert "the proxy does not answer" in done.stdout


def test_status_without_a_state_names_the_next_command(world: World) -> None:
    done = world.bgctl("status")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (3, "next: bgctl up")


def test_what_keys_refuses_stands_in_the_history_as_it_was_told(world: World) -> None:
    (world.root / "keys" / "verify" / "keyring.json").unlink(missing_ok=True)
    done = world.bgctl("keys", "rotate")
    assert done.returncode == 3
    entry = world.history[-1]
    assert entry["outcome"] == "refused"
    assert "keyring.json does not exist" in entry["why"]


def test_history_shows_the_newest_last(world: World) -> None:
    candidate(world)
    for what in ("enable-green", "disable-green"):
        world.bgctl("route", what)
    assert [
        entry["what"] for entry in json.loads(world.bgctl("history", "--changes", "-n", "1", "--json").stdout)
    ] == ["route disable-green"]
    assert world.bgctl("history").stdout.index("enable-green") < world.bgctl("history").stdout.index(
        "disable-green"
    )


@pytest.mark.parametrize(
    ("stdin", "asked"),
    [
        ("aaa.bbb.ccc\n", {"headers": {"authorization": "Bearer aaa.bbb.ccc"}}),
        ("Bearer aaa.bbb.ccc", {"headers": {"authorization": "Bearer aaa.bbb.ccc"}}),
        (
            "> POST /x?y HTTP/1.1\n> Cookie: a=b; c=d\n> Host: x\n",
            {"method": "POST", "path": "/x?y", "host": "x", "headers": {"cookie": "a=b; c=d"}},
        ),
        (
            "authorization: Bearer x\r\nCookie: a=b\r\n",
            {"headers": {"authorization": "Bearer x", "cookie": "a=b"}},
        ),
    ],
)
def test_explain_reads_standard_input(world: World, stdin: str, asked: dict[str, str]) -> None:
    rest(world)
    rules = [{"rule": "bearer", "outcome": "rejected", "why": "malformed"}]
    answer = {"slot": "blue", "version": "1.6.7", "reason": "new", "rules": rules}
    world.control.answers["/explain"] = (200, answer)
    done = world.bgctl("explain", stdin=stdin)
    assert done.returncode == 0, done.stderr
    assert "malformed" in done.stdout
    assert "-> blue (1.6.7): new" in done.stdout
    assert json.loads(world.control.requests[-1][2]) == asked
    said = json.loads(world.bgctl("explain", "--json", stdin=stdin).stdout)
    nobody = {"service": None, "pin": None, "host": None, "neighbour": None, "refused": False}
    assert said == {**answer, **nobody}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"service": "shop", "host": "*.shop.example"}, "-> blue (1.6.7): new, for shop at *.shop.example"),
        ({"neighbour": "wiki", "host": "wiki.example"}, "-> the proxy of wiki ([neighbours.wiki])"),
        ({"refused": True}, "-> a 421: nothing in bgctl.toml names this host"),
    ],
)
def test_explain_says_what_a_host_leads_to(world: World, more: dict[str, object], line: str) -> None:
    rest(world)
    answer = {"slot": "blue", "version": "1.6.7", "reason": "new", "rules": [], **more}
    world.control.answers["/explain"] = (200, answer)
    done = world.bgctl("explain", stdin="curl https://a.shop.example/")
    assert (done.returncode, line in done.stdout) == (0, True), done.stdout


def test_explain_with_nothing_to_explain(world: World) -> None:
    rest(world)
    assert "nothing to explain" in refused(world, "explain")


def test_keys_are_listed(world: World) -> None:
    from session_api.keys import signing_keys

    signing_keys.create(world.root / "keys", "ES256")
    assert "ES256" in world.bgctl("keys", "list").stdout
    assert json.loads(world.bgctl("keys", "list", "--json").stdout)[0]["state"] == "signing"


@pytest.mark.threat(19)
def test_19_a_replaced_key_is_believed_for_as_long_as_its_tokens_last(world: World) -> None:
    from session_api.keys import listing, signing_keys

    rest(world)
    settings = world.root / "bgctl.toml"
    settings.write_text(settings.read_text().replace('longest = "7d"', 'longest = "2d"'))
    old = signing_keys.create(world.root / "keys")
    assert "tokens of the one before are accepted for 2 d" in world.bgctl("keys", "rotate").stdout
    (retired,) = [key for key in listing.describe(world.root / "keys") if key.kid == old.kid]
    assert retired.retire_at is not None
    assert 0 <= 2 * 86400 - (retired.retire_at.timestamp() - time.time()) < 60


def test_no_keys_is_refused_with_the_next_command(world: World) -> None:
    done = world.bgctl("keys", "list")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (3, "next: bgctl keys init")


def test_doctor_goes_on_after_a_failure(world: World) -> None:
    draining(world)
    world.api.answers.clear()
    done = world.bgctl("doctor", "--json")
    found = {check["check"]: check["result"] for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert (found["configuration"], found["state"], found["proxy"]) == ("ok", "ok", "ok")
    assert (found["keys"], found["session API"]) == ("warn", "fail")


@pytest.mark.threat(41)
def test_41_a_broken_state_ends_every_command_in_words(world: World) -> None:
    draining(world)
    path = world.root / "state" / "state.json"
    path.write_text('{"schema": 3}')
    for argv in ("status", "drain", "promote", "rollback", "route enable-green", "route status"):
        assert "cannot be used" in refused(world, *argv.split(), code=1)
