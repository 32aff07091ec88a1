"""What a slow, silent or interrupted machine must not break: each test once failed."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.toolkit.support.engines import all_free, project_of
from tests.unit.toolkit.support.worlds import BGCTL, World
from tests.web_server import Reply
from toolkit import slots
from toolkit.clock import SYSTEM
from toolkit.config import parse
from toolkit.config.engines import EngineKind
from toolkit.engine import detection, process
from toolkit.engine.commands import Commands
from toolkit.engine.compose import Compose, ComposeService
from toolkit.engine.engine import Engine
from toolkit.errors import Failed, Locked, Refused
from toolkit.files import engine_file, lock, state_file
from toolkit.images import catalogue
from toolkit.release import folders, promote, rollback, route, shared_services, up, up_checks, up_green
from toolkit.release.remaining import DrainTerms
from toolkit.release.steps import Step, walk
from toolkit.rendering import reload
from toolkit.state import transitions
from toolkit.terminal.ui import UI

pytestmark = pytest.mark.whole

READY = {"version": "1.6.7", "state": "ready", "weight": 100}
DRAIN = {"version": "1.6.7", "state": "drain", "weight": 0}
NONE = {"version": None, "state": "maint", "weight": 0}
CANDIDATE = {"version": "1.6.8", "state": "maint", "weight": 0}
GREEN = {"version": "1.6.8", "state": "ready", "weight": 100}
BLUE_ON_NEW = {"version": "1.6.8", "state": "maint", "weight": 0}


def draining(world: World) -> None:
    world.put("draining", DRAIN, GREEN, "drain")


def slow_once(good: Reply) -> Callable[[], Reply]:
    """The second answer, which is the one that the step goes by."""
    replies: Iterator[Reply] = iter([good, (503, b"")])
    return lambda: next(replies, good)


def spoil_env(world: World) -> None:
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nGREETING='never closed\n")


def statuses(world: World, **changes: object) -> None:
    """The control listener's answer, changed."""
    answer = world._status

    def changed() -> Reply:
        code, document = answer()
        assert isinstance(document, dict)
        return code, {**document, **changes}

    world.control.answers["/status"] = changed


# Rollback


def test_one_slow_answer_does_not_end_a_blue_that_serves(world: World) -> None:
    draining(world)
    world.blue.answers["/healthz"] = slow_once((200, {"version": "1.6.7"}))
    project, engine = project_of(world)
    rollback.run(project)
    assert "up frontend-blue" not in engine.asked
    assert "remove frontend-blue" not in engine.asked
    assert world.state["phase"] == "rest"


def test_a_rollback_of_a_promotion_run_again_waits_for_what_blue_has_open(world: World) -> None:
    world.put("promoting", BLUE_ON_NEW, GREEN, "retire-blue")
    world.serve(world.blue, "1.6.8")
    world.open["blue"] = (1, 0)
    looks = iter(range(5))

    def status() -> Reply:
        if next(looks, None) is None:
            world.open["blue"] = (0, 0)
        return world._status()

    world.control.answers["/status"] = status
    project, engine = project_of(world)
    rollback.run(project)
    assert engine.open_then == [(0, 0)]
    assert world.state["slots"]["blue"] == READY


def test_a_broken_env_file_does_not_keep_people_on_green(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    draining(world)
    spoil_env(world)
    project, _ = project_of(world)
    with pytest.raises(Failed, match="up to stop-green it is done") as caught:
        rollback.run(project)
    assert "edit .env, then run the same command again" in caught.value.next
    assert world.state["slots"]["blue"] == READY
    assert "warning: .env:2" in capsys.readouterr().err


def test_a_rollback_at_rest_stops_a_green_that_was_left_behind(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    rollback.run(project, dry_run=True)
    assert engine.asked == []
    rollback.run(project)
    assert engine.asked == ["remove frontend-green"]
    assert "green is stopped: it was no part of a release" in capsys.readouterr().out


# The engine


def asks(
    monkeypatch: pytest.MonkeyPatch, root: Path, answering: set[str], name: str = "auto"
) -> Callable[[str | None], str]:
    config = parse(
        (Path(__file__).parents[4] / "bgctl.example.toml").read_text().replace('"auto"', f'"{name}"')
    )

    def ask(kind: EngineKind, *_: object) -> object:
        if kind.name not in answering:
            return "does not answer (Cannot connect)"
        return Engine(Commands(kind.name, (), "", (), ""), root)

    monkeypatch.setattr(detection, "ask", ask)
    return lambda noted: detection.detect(config, root, noted).name


def test_with_nothing_noted_the_first_engine_that_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert asks(monkeypatch, tmp_path, {"docker", "podman"})(None) == "docker"
    assert asks(monkeypatch, tmp_path, {"podman"})(None) == "podman"


def test_the_engine_that_has_the_containers_is_not_replaced_while_it_is_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert asks(monkeypatch, tmp_path, {"docker", "podman"})("podman") == "podman"
    with pytest.raises(Refused, match="docker, on which this project runs, does not answer"):
        asks(monkeypatch, tmp_path, {"podman"})("docker")
    assert asks(monkeypatch, tmp_path, {"podman"}, "podman")("docker") == "podman"


def test_up_notes_the_engine(world: World) -> None:
    project, _ = project_of(world)
    folders.make_folders(project)
    assert engine_file.read(world.root / "state" / "engine") == "docker"
    (world.root / "state" / "engine").write_text("rkt\n")
    assert engine_file.read(world.root / "state" / "engine") is None


def test_an_engine_without_a_compose_command_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "which", lambda name: None if "compose" in name else f"/bin/{name}")
    monkeypatch.setattr(detection, "answers", lambda *_: False)
    config = parse((Path(__file__).parents[4] / "bgctl.example.toml").read_text())
    with pytest.raises(Refused, match="docker has no compose command: install docker-compose"):
        detection.detect(config, tmp_path)


# Up


def test_shared_services_come_after_people_are_served(world: World) -> None:
    world.put("rest", READY, NONE)
    project, _ = project_of(world)
    names = [step.name for step in up.steps(project)]
    assert names.index("routing") < names.index("session-api")


def test_a_shared_service_in_trouble_does_not_keep_the_rest_from_coming_back(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    engine.there.discard("session-api")  # and somebody else has its port
    assert up.steps(project)
    with pytest.raises(Refused, match="is taken by"):
        shared_services.start(project, "session-api")


def test_a_shared_service_that_runs_and_does_not_answer_is_started_anew(world: World) -> None:
    world.put("rest", READY, NONE)
    world.api.answers["/readyz"] = (503, b"")
    project, engine = project_of(world)
    shared_services.start(project, "session-api")
    shared_services.start(project, "session-api")
    assert engine.asked == ["up session-api"]


def test_a_proxy_that_does_not_answer_is_replaced_and_not_reloaded(world: World) -> None:
    world.put("rest", READY, NONE)
    world.control.answers["/status"] = (500, b"")
    project, engine = project_of(world)
    up.start_proxy(project)
    assert engine.asked == ["up proxy"]
    assert (world.root / "proxy" / "nginx.conf").exists()


def test_up_loads_again_what_is_not_on_disk_as_it_was_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    folders.make_folders(project)
    loads = []

    def hang_up(service: str, _: str) -> None:
        loads.append(service)
        pids = (20 + len(loads), 30 + len(loads))
        statuses(world, workers=[{"pid": pid, "generation": 7} for pid in pids])

    monkeypatch.setattr(engine, "signal", hang_up)
    up.start_proxy(project)  # no file is there, and that is no crash
    up.start_proxy(project)
    (world.root / "proxy" / "nginx.conf").write_text("spoilt")
    assert len(loads) == 1
    up.start_proxy(project)
    assert (len(loads), "up proxy" in engine.asked) == (2, False)


def test_a_new_adoption_goes_on_after_what_the_proxy_has_seen(world: World) -> None:
    world.control.answers["/status"] = (
        200,
        {"workers": [], "workersExpected": 2, "slots": {}, "generation": 41},
    )
    project, _ = project_of(world)
    assert up.first_state(project).generation == 42
    world.control.answers["/status"] = (500, b"")
    assert up.first_state(project).generation == 1


# Routing


def test_a_switch_that_is_written_already_is_still_confirmed(world: World) -> None:
    draining(world)
    assert world.bgctl("route", "enable-green").returncode == 0
    asked = [path for path, _, _ in world.control.requests]
    assert asked.count("/status") == 1, "beside that it notes what users see"


def test_a_dry_run_as_json_prints_its_plan(world: World) -> None:
    world.put("candidate", READY, CANDIDATE)
    done = world.bgctl("route", "enable-green", "--dry-run", "--json")
    assert '"step": "routing"' in done.stdout
    assert '"needed": true' in done.stdout


def test_a_question_keeps_nobody_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draining(world)
    world.sessions = {"1.6.7": 3}
    project, _ = project_of(world)

    def confirm(_: str) -> bool:
        with lock.held(project.state_dir, "rollback", project.now()):
            return True

    monkeypatch.setattr(project.ui, "confirm", confirm)
    route.run(project, "disable-blue")
    assert world.state["slots"]["blue"]["state"] == "maint"


def test_an_answer_about_another_state_does_not_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draining(world)
    world.sessions = {"1.6.7": 3}
    project, _ = project_of(world)

    def confirm(_: str) -> bool:
        world.put("candidate", READY, CANDIDATE)
        return True

    monkeypatch.setattr(project.ui, "confirm", confirm)
    with pytest.raises(Refused, match="moved on"):
        route.run(project, "disable-blue")


def test_a_slot_that_is_not_healthy_names_what_starts_it(world: World) -> None:
    world.put("candidate", READY, CANDIDATE)
    world.green.answers["/healthz"] = (500, b"")
    assert "next: bgctl up-green 1.6.8" in world.bgctl("route", "enable-green").stderr
    draining(world)
    world.blue.answers["/healthz"] = (500, b"")
    assert world.bgctl("route", "disable-green").stderr.endswith("next: bgctl up\n")


# Up-green


def test_another_candidate_is_refused_while_one_is_there(world: World) -> None:
    world.put("candidate", READY, CANDIDATE)
    done = world.bgctl("up-green", "1.6.9")
    assert (done.returncode, world.state["deployment"]["to"]) == (3, "1.6.8")
    assert "next: bgctl rollback" in done.stderr


def test_an_interrupted_up_green_stops_what_it_has_started(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world, is_free=all_free)
    engine.there.discard("frontend-green")
    up, world.green.answers["/healthz"] = engine.up, (503, b"")

    def interrupt(*started: Any) -> None:
        up(*started)
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "up", interrupt)
    with pytest.raises(KeyboardInterrupt):
        up_green.run(project, "1.6.8")
    assert engine.asked == ["up frontend-green", "remove frontend-green"]
    assert world.history[-1]["outcome"] == "interrupted"


# Promote


def test_promote_looks_at_the_env_file_first(world: World) -> None:
    draining(world)
    spoil_env(world)
    done = world.bgctl("promote")
    assert (done.returncode, world.state["phase"]) == (3, "draining")
    assert "next: edit .env" in done.stderr


@pytest.mark.parametrize("silent", ["api", "control"])
def test_promote_with_unknown_counts_says_what_brings_them_back(world: World, silent: str) -> None:
    draining(world)
    getattr(world, silent).answers.clear()
    done = world.bgctl("promote")
    assert done.returncode == 3
    assert done.stderr.endswith("next: bgctl up, or: bgctl doctor\n")


def test_requests_that_come_and_go_do_not_keep_a_slot_from_being_empty(world: World) -> None:
    draining(world)
    world.open["blue"] = (3, 0)
    assert world.bgctl("drain").returncode == 0
    promote.check_empty(
        project_of(world)[0], state_file.read(world.root / "state" / "state.json"), DrainTerms()
    )


# Signals, and output that breaks


def stuck_switch(world: World) -> "subprocess.Popen[str]":
    """A switch that is written and waits for the proxy's word."""
    world.put("candidate", READY, CANDIDATE)
    world.stuck_at = 6
    argv = [str(BGCTL), "--project", str(world.root), "route", "enable-green"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while world.state["generation"] == 7 and time.monotonic() < end:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_every_polite_signal_is_an_interruption(world: World, ending: int) -> None:
    process = stuck_switch(world)
    process.send_signal(ending)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert world.history[-1]["outcome"] == "interrupted"


def test_whoever_is_locked_out_is_told_how_to_end_it(world: World) -> None:
    process = stuck_switch(world)
    with (
        pytest.raises(Locked) as caught,
        lock.held(world.root / "state", "rollback", project_of(world)[0].now()),
    ):
        pass
    assert f"kill {process.pid}" in caught.value.next
    process.terminate()
    process.communicate(timeout=30)


@pytest.mark.parametrize("output", ["gone", "full", "closed"])
def test_a_change_goes_on_when_its_output_cannot(world: World, output: str) -> None:
    world.put("candidate", READY, CANDIDATE)
    reading, writing = os.pipe()
    os.close(reading)
    redirect = {"gone": f">&{writing} 2>&{writing}", "full": ">/dev/full 2>&1", "closed": ">&- 2>&-"}[output]
    command = f"'{BGCTL}' --project '{world.root}' route enable-green --json {redirect}"
    done = subprocess.run(["/bin/bash", "-c", command], pass_fds=(writing,), timeout=60)
    os.close(writing)
    assert done.returncode == 0
    assert (world.state["phase"], world.history[-1]["outcome"]) == ("draining", "done")


# Messages


@pytest.mark.threat(41)
def test_41_an_unusable_state_names_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = transitions.adopt("1.6.7", SYSTEM.now())
    state_file.write(path, first)
    path.write_text("{")
    with pytest.raises(Failed) as caught:
        state_file.read(path)
    assert caught.value.next == f"cp {path}.last {path}"
    subprocess.run(caught.value.next, shell=True, check=True)
    assert state_file.read(path) == first
    (tmp_path / "state.json.last").unlink()
    path.write_text("{")
    with pytest.raises(Failed, match="cannot be used") as caught:
        state_file.read(path)
    assert "bgctl up" in caught.value.next


def test_doctor_never_sends_to_doctor(world: World) -> None:
    draining(world)
    world.control.answers.clear()
    world.api.answers.clear()
    spoil_env(world)
    done = world.bgctl("doctor", "--json")
    assert done.returncode == 1
    failed = [check for check in json.loads(done.stdout)["checks"] if check["result"] == "fail"]
    assert failed
    assert all(check["next"] and "doctor" not in check["next"] for check in failed)
    (proxy,) = [check for check in failed if check["check"] == "proxy"]
    assert proxy["next"] == "bgctl up"


def test_sessions_with_the_api_down_says_what_starts_it(world: World) -> None:
    draining(world)
    world.api.stop()
    done = world.bgctl("sessions")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "next: bgctl up")


@pytest.mark.parametrize(
    ("image", "next"),
    [
        (catalogue.PROXY.name, "bgctl images"),
        (catalogue.REDIS.name, "bgctl images --redis"),
        ("localhost/other/session-api:dev", "BGCTL_IMAGES=other bgctl images"),
        ("localhost/shop/app:9", "docker build --tag localhost/shop/app:9 FOLDER"),
        ("registry.example/app:9", "docker pull registry"),
    ],
)
def test_an_image_that_no_registry_has_is_built(world: World, image: str, next: str) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    engine.has_image = lambda image: False  # type: ignore[method-assign]

    found = Compose({"frontend-blue": ComposeService(image)})
    with pytest.raises(Refused) as caught:
        slots.check_images(project, found, ["frontend-blue"], pull=False)
    assert caught.value.next.startswith(next)


def test_a_dry_run_of_up_pulls_nothing(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world, UI(as_json=True))
    engine.has_image = lambda image: False  # type: ignore[method-assign]
    engine.pull = lambda image: engine.asked.append("pull")  # type: ignore[method-assign]
    up_checks.check(project, project.state(), pull=False)  # what runs as it should needs no image
    world.serve(world.blue, "down")
    with pytest.raises(Refused, match="is missing"):
        up.run(project, dry_run=True)
    assert engine.asked == []


def test_reload_reaches_the_proxy_by_the_name_of_its_service(world: World) -> None:
    """A project that has a service `proxy` of its own calls bgctl's otherwise."""
    config = world.root / "bgctl.toml"
    text, count = re.subn(r'(?m)^service = "proxy"', 'service = "bgctl-proxy"', config.read_text())
    assert count == 1
    config.write_text(text)
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    project.proxy_dir.mkdir(exist_ok=True)
    engine.there = {"bgctl-proxy", "session-api", "frontend-blue", "frontend-green"}
    answer = world._status
    workers = iter([[1, 2], [1, 2]])  # for whether it answers, and for who is to be replaced

    def status() -> Reply:
        code, document = answer()
        assert isinstance(document, dict)
        pids = next(workers, [3, 4])
        return code, {**document, "workers": [{**document["workers"][0], "pid": pid} for pid in pids]}

    world.control.answers["/status"] = status
    reload.run(project)
    said = [each for each in engine.asked if "proxy" in each]
    assert said == ["exec bgctl-proxy -t", "signal bgctl-proxy HUP"]


def test_reload_is_only_needed_when_something_differs(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    files = {"nginx.conf": b"a", "settings.json": b"b"}
    reload.store(project, files)
    reload.mark_loaded(project, files)
    assert reload.apply(project, files) == "runs with this configuration already"
    assert engine.asked == []


def test_a_step_that_is_refused_after_others_is_a_failure() -> None:
    def refuse() -> str:
        raise Refused("no", "why", "bgctl up")

    def fine() -> str:
        return ""

    with pytest.raises(Refused):
        walk(
            [
                Step(name="skipped", what="", do=fine, needed=lambda: False),
                Step(name="two", what="", do=refuse),
            ],
            UI(),
        )
    with pytest.raises(Failed, match="no: why; up to one it is done") as caught:
        walk([Step(name="one", what="", do=fine), Step(name="two", what="", do=refuse)], UI())
    assert caught.value.next == "bgctl up, then run the same command again"
