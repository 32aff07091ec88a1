"""`bgctl deploy --canary`: share by share, taken back when bad, and gone on with where it was."""

import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.toolkit.support.canary_worlds import NEW, OLD, CanaryWorld
from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import BGCTL, CANDIDATE, DRAIN, GREEN, READY
from tests.web_server import Reply, Web
from toolkit.errors import Failed, MovedOn, Refused
from toolkit.project import Project
from toolkit.release import canary, deploy, rollback, route
from toolkit.release.canary import Course
from toolkit.release.deploy import Deploy
from toolkit.release.deploy_plan import Plan
from toolkit.release.drain import Watch
from toolkit.release.remaining import DrainTerms

pytestmark = pytest.mark.whole

COURSE = Course((5, 25, 50, 100), 0.001, 0.001)
PLAN = Plan(NEW, Watch(DrainTerms(), interval=0.001), ask=False, course=COURSE)


@pytest.fixture
def world(tmp_path: Path, web: Callable[[], Web]) -> CanaryWorld:
    return CanaryWorld(tmp_path, web)


def on_blue(world: CanaryWorld) -> bool:
    return (world.state["phase"], world.state["slots"]["blue"]) == ("candidate", READY)


# Good


def test_a_good_green_gets_share_after_share(world: CanaryWorld, capsys: pytest.CaptureFixture[str]) -> None:
    deploy.run(project_of(world)[0], PLAN)
    assert world.shares == [5, 25, 50]
    assert [line["what"] for line in world.history][3:] == ["route enable-green", "promote"]
    assert (world.state["phase"], world.state["slots"]["blue"]["version"]) == ("rest", NEW)
    said = capsys.readouterr().out
    assert "good at 5, 25, 50 %" in said
    assert "p99 up to 25 ms" in said


def test_without_a_canary_all_new_sessions_come_at_once(world: CanaryWorld) -> None:
    for course in (None, Course((100,), 60)):
        world.put("candidate", READY, CANDIDATE)
        steps = Deploy(
            project_of(world)[0], Plan(NEW, PLAN.watch, ask=False, course=course)
        ).up_to_the_switch()
        assert [step.name for step in steps][-2:] == ["up-green", "switch"]


def test_each_share_lasts_for_the_pause(world: CanaryWorld) -> None:
    canary.run(project_of(world)[0], Course((50,), 0.3, 0.01), NEW)
    assert world.looks > 5


def test_bgctl_toml_has_the_course(world: CanaryWorld) -> None:
    world.put("canary", {**READY, "weight": 95}, {"version": NEW, "state": "ready", "weight": 5}, "canary")
    world.settings(steps="[10, 60]", pause='"7s"')
    done = world.bgctl("deploy", NEW, "--yes", "--dry-run")
    assert "10, 60 % of new sessions get green, and each share is judged" in done.stdout, done.stderr
    done = world.bgctl("deploy", NEW, "--yes", "--dry-run", "--canary", "100")
    assert "judged" not in done.stdout, done.stderr


@pytest.mark.parametrize("shares", ["", "5,5", "50,25", "0,5", "5,101", "5;25", "five"])
def test_shares_that_do_not_rise_are_no_course(world: CanaryWorld, shares: str) -> None:
    done = world.bgctl("deploy", NEW, "--yes", "--canary", shares)
    assert (done.returncode, on_blue(world)) == (2, True)
    assert "write 5,25,50,100" in done.stderr


@pytest.mark.parametrize("options", [["--pause", "5s"], ["--canary", "5", "--pause", "off"]])
def test_a_pause_of_nothing_is_a_mistake(world: CanaryWorld, options: list[str]) -> None:
    assert world.bgctl("deploy", NEW, "--yes", *options).returncode == 2


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"steps": "[25, 5]"}, "canary.steps: must rise"),
        ({"pause": '"1h"'}, "canary.patience: is shorter than pause"),
        ({"query": '"up == 0"'}, "canary.prometheus: is missing"),
        ({"prometheus": '"http://127.0.0.1:1"'}, "canary.query: is missing"),
        ({"command": '"check \'it"'}, "canary.command: cannot be split"),
    ],
)
def test_settings_that_make_no_sense(world: CanaryWorld, settings: dict[str, str], problem: str) -> None:
    world.settings(**settings)
    done = world.bgctl("status")
    assert done.returncode == 3
    assert problem in done.stderr


# Bad


def test_a_bad_green_is_taken_back_within_the_first_share(
    world: CanaryWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.failing = 0.03
    project, engine = project_of(world)
    engine.logs = lambda service, lines=20: f"{service}: it went wrong"  # type: ignore[method-assign]
    with pytest.raises(
        Failed, match=r"1.6.8 is taken back at 5 %: 3.0 % \(\d+ of \d+\) of green's"
    ) as caught:
        deploy.run(project, PLAN)
    assert on_blue(world)
    assert (world.shares, caught.value.code) == ([5], 1)
    assert caught.value.detail == "frontend-green: it went wrong"
    (last,) = [line for line in world.history if line["what"] == "canary 5"]
    assert (last["outcome"], last["why"]) == ("failed", str(caught.value))
    assert "everyone gets the old version" in capsys.readouterr().out


def test_what_deploy_has_started_goes_with_it(world: CanaryWorld) -> None:
    world.put("rest", READY, {"version": None, "state": "maint", "weight": 0})
    world.serve(world.green, "nothing yet")
    world.failing = 0.5
    project, engine = project_of(world)
    with pytest.raises(Failed, match="undone: up-green"):
        deploy.run(project, PLAN)
    assert world.state["phase"] == "rest"
    assert "frontend-green" not in engine.there


def test_bad_at_a_later_share(world: CanaryWorld) -> None:
    world.at_look[6] = lambda: setattr(world, "failing", 0.4)
    with pytest.raises(Failed, match=r"taken back at (25|50) %"):
        canary.run(project_of(world)[0], COURSE, NEW)
    assert on_blue(world)


def test_a_green_that_is_down_is_bad(world: CanaryWorld) -> None:
    world.at_look[1] = lambda: world.green.answers.update({"/healthz": (500, b"")})
    world.rate = 100
    with pytest.raises(Failed, match="green is not healthy: frontend-green: answered status 500"):
        canary.run(project_of(world)[0], COURSE, NEW)
    assert on_blue(world)


def test_not_enough_traffic_is_said_and_ends_at_patience(
    world: CanaryWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.rate = 0
    world.settings(patience='"200ms"')
    with pytest.raises(Failed, match=r"not found good within 0.2 s: green lacks 300 requests, blue lacks"):
        canary.run(project_of(world)[0], COURSE, NEW)
    assert on_blue(world)
    assert "... 5 %: green no requests; blue no requests; " in capsys.readouterr().out


def test_an_older_proxy_is_no_judge(world: CanaryWorld) -> None:
    world.started = None
    with pytest.raises(Refused, match="no figures by version") as caught:
        canary.run(project_of(world)[0], COURSE, NEW)
    assert (caught.value.next, world.state["generation"]) == ("bgctl up", 7)


def test_a_proxy_that_restarts_begins_the_window_anew(
    world: CanaryWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.rate = 3000
    world.at_look[3] = world.restart_proxy
    world.at_look[5] = lambda: world.requests.update({OLD: 0})
    canary.run(project_of(world)[0], Course((5,), 0.001, 0.001), NEW)
    said = capsys.readouterr().out
    assert "the proxy was restarted: the window begins anew" in said
    assert "green 300 requests" in said


def test_a_proxy_that_is_silent_is_waited_for(world: CanaryWorld) -> None:
    answer = world.control.answers["/status"]

    def silent() -> None:
        replies: list[Reply] = [(503, b"")] * 4
        world.control.answers["/status"] = lambda: replies.pop() if replies else answer()  # type: ignore[operator]

    world.at_look[1] = silent
    canary.run(project_of(world)[0], COURSE, NEW)
    assert world.shares == [5, 25, 50]


# Others


@pytest.mark.parametrize(
    "command",
    [
        ("rollback", "--no-wait"),
        ("route", "canary", "7"),
        ("route", "enable-green"),
        ("route", "disable-green"),
    ],
)
def test_while_it_waits_others_may_act_and_it_lets_them(world: CanaryWorld, command: tuple[str, ...]) -> None:
    world.rate = 0
    project, engine = project_of(world)
    other = project_of(world)[0]
    world.at_look[3] = lambda: None

    def act() -> None:
        world.at_look.clear()
        if command[0] == "rollback":
            rollback.run(other, wait=False)
        elif command[1] == "canary":
            route.run(other, "canary", 7)
        else:
            route.run(other, command[1])

    actor = threading.Thread(target=act)
    world.at_look[3] = actor.start
    with pytest.raises(MovedOn, match="the release has moved on"):
        deploy.run(project, PLAN)
    actor.join()
    assert "frontend-green" in engine.there
    after = world.state
    assert [line["what"] for line in world.history][-1] in {"rollback", f"route {' '.join(command[1:])}"}
    assert after == world.state


def test_it_waits_for_the_lock_to_take_back(world: CanaryWorld) -> None:
    world.failing = 0.5
    lock = os.open(world.root / "state" / "lock", os.O_RDWR | os.O_CREAT, 0o660)
    tries = iter(range(1000))

    class Busy(Project):
        @contextmanager
        def change(self, what: str, dry_run: bool = False, wait: float = 0) -> Iterator[None]:
            if what == "canary 5":
                at = next(tries)
                if at == 0:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                if at == 3:
                    fcntl.flock(lock, fcntl.LOCK_UN)
            with super().change(what, dry_run, wait):
                yield

    project = project_of(world)[0]
    project.__class__ = Busy
    with pytest.raises(Failed, match="taken back"):
        canary.run(project, COURSE, NEW)
    os.close(lock)
    assert on_blue(world)
    assert next(tries) == 4


@pytest.mark.threat(46)
def test_46_interrupted_it_keeps_its_share_and_goes_on_from_there(world: CanaryWorld) -> None:
    world.rate = 0
    world.put("canary", {**READY, "weight": 75}, {"version": NEW, "state": "ready", "weight": 25}, "canary")
    before = world.state
    command = [str(BGCTL), "--project", str(world.root), "deploy", NEW, "--yes", "-s", "--canary", "5,25,50"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    while "25 %: green no requests" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, world.state) == (130, before), out + err
    assert "green keeps its share, and nobody watches it; to take it back: bgctl rollback" in out
    world.rate = 2000
    deploy.run(project_of(world)[0], PLAN)
    assert world.shares == [25, 25, 50], "the first one twice, and nothing to do"
    assert world.state["phase"] == "rest"


def test_after_the_switch_there_is_nothing_to_judge(world: CanaryWorld) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    deploy.run(project_of(world)[0], PLAN)
    assert world.state["phase"] == "rest"
    assert [line["what"] for line in world.history] == ["promote"]


# Hooks


QUERY = '\'rate(errors{version="{green}"}[1m]) > {share} * rate(errors{version="{blue}"}[1m])\''


def vector(*samples: object) -> Reply:
    return 200, {"status": "success", "data": {"resultType": "vector", "result": list(samples)}}


@pytest.fixture
def prometheus(world: CanaryWorld, web: Callable[[], Web]) -> Web:
    server = web()
    world.settings(prometheus=f'"http://{server.address}"', query=QUERY, patience='"300ms"')
    server.answers["/api/v1/query"] = vector()
    return server


def test_a_query_without_samples_is_good(world: CanaryWorld, prometheus: Web) -> None:
    canary.run(project_of(world)[0], COURSE, NEW)
    asked = [parse_qs(urlsplit(path).query)["query"][0] for path, _, _ in prometheus.requests]
    assert set(asked) == {
        f'rate(errors{{version="{NEW}"}}[1m]) > {share} * rate(errors{{version="{OLD}"}}[1m])'
        for share in (5, 25, 50)
    }


@pytest.mark.parametrize("value", ["3.5", "0", "NaN"])
def test_any_sample_is_bad(world: CanaryWorld, prometheus: Web, value: str) -> None:
    sample = {"metric": {"version": NEW, "job": "shop"}, "value": [1_700_000_000.1, value]}
    prometheus.answers["/api/v1/query"] = vector(sample, sample)
    said = rf'the query of Prometheus gives {{job="shop", version="1.6.8"}} {value}, and 1 more'
    with pytest.raises(Failed, match=said.replace("{", r"\{")):
        canary.run(project_of(world)[0], COURSE, NEW)
    assert on_blue(world)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (
            (400, {"status": "error", "errorType": "bad_data", "error": "parse error at char 3"}),
            "parse error",
        ),
        (
            (200, {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}),
            "a scalar, where",
        ),
        ((502, b"<html>"), "status 502"),
        (
            (200, {"status": "success", "data": {"resultType": "vector", "result": [{"value": 1}]}}),
            "status 200",
        ),
    ],
)
def test_no_good_answer_is_not_good(world: CanaryWorld, prometheus: Web, reply: Reply, problem: str) -> None:
    prometheus.answers["/api/v1/query"] = reply
    with pytest.raises(Failed, match=f"not found good within 0.3 s: .*no good answer: {problem}"):
        canary.run(project_of(world)[0], COURSE, NEW)
    assert on_blue(world)


def test_nobody_at_the_address_of_prometheus(world: CanaryWorld) -> None:
    world.settings(prometheus='"http://127.0.0.1:1"', query='"up"', patience='"300ms"')
    with pytest.raises(Failed, match="gives no answer: connection refused"):
        canary.run(project_of(world)[0], COURSE, NEW)


def command(world: CanaryWorld, script: str) -> None:
    path = world.root / "check"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    world.settings(command=f"\"{path} 'one word'\"")


def test_a_command_is_run_once_at_the_end_of_each_share(world: CanaryWorld) -> None:
    command(world, 'echo "$BGCTL_VERSION $BGCTL_OLD_VERSION $BGCTL_SHARE $BGCTL_CONTROL $1" >> ran')
    canary.run(project_of(world)[0], COURSE, NEW)
    address = f"http://{world.control.address}"
    lines = (world.root / "ran").read_text().splitlines()
    assert lines == [f"{NEW} {OLD} {share} {address} one word" for share in (5, 25, 50)]


def test_a_command_that_fails_is_bad(world: CanaryWorld) -> None:
    command(world, "echo no basket >&2; exit 3")
    with pytest.raises(Failed, match=r"taken back at 5 %: the command failed with exit code 3: no basket"):
        canary.run(project_of(world)[0], COURSE, NEW)
    assert on_blue(world)


def test_a_command_that_hangs_is_bad(world: CanaryWorld) -> None:
    command(world, "exec sleep 60")
    world.settings(patience='"300ms"')
    with pytest.raises(Failed, match=r"the command was given up: no answer within 0.3 s"):
        canary.run(project_of(world)[0], COURSE, NEW)
    assert on_blue(world)
