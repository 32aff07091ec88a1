"""`bgctl deploy`: in order, taken back up to the switch, and after a crash it goes on from where it was."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.unit.toolkit.support.engines import FakeEngine, Hooked, Killed, project_of
from tests.unit.toolkit.support.worlds import BGCTL, CANDIDATE, DRAIN, GREEN, NONE, OUT, READY, World
from tests.web_server import Reply
from toolkit.engine.engine import Keep
from toolkit.errors import Failed, NotYet, Refused
from toolkit.project import Project
from toolkit.release import deploy, deploy_plan
from toolkit.release.deploy import Deploy
from toolkit.release.deploy_plan import Plan
from toolkit.release.drain import Watch
from toolkit.release.remaining import DrainTerms
from toolkit.release.steps import Step, walk
from toolkit.terminal.ui import UI

pytestmark = pytest.mark.whole

CANARY = {"version": "1.6.8", "state": "ready", "weight": 10}
BLUE_90 = {**READY, "weight": 90}
ON_NEW = {"version": "1.6.8", "state": "ready", "weight": 100}

PLAN = Plan("1.6.8", Watch(DrainTerms(), interval=0.001), ask=False)
IMAGE = "registry.example/shop/frontend:1.6.8"


class Answering(UI):
    """Somebody is there, and says the same to everything."""

    def __init__(self, answer: bool | None) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[str] = []

    @property
    def can_ask(self) -> bool:
        return True

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        if self.answer is None:
            raise KeyboardInterrupt
        return self.answer


def at_rest(world: World) -> None:
    """Blue serves 1.6.7; green is gone, so that it must be started."""
    world.put("rest", READY, NONE)
    world.serve(world.blue, "1.6.7")
    world.serve(world.green, "nothing yet")
    env = world.root / ".env"
    env.write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
    shutil.rmtree(
        world.root / "keys" / "settings", ignore_errors=True
    )  # or fewer files are written than before


@pytest.fixture
def resting(world: World) -> World:
    at_rest(world)
    return world


def released(world: World) -> bool:
    env = (world.root / ".env").read_text()
    return (world.state["phase"], world.state["slots"]["blue"], "CURRENT_VERSION=1.6.8\n" in env) == (
        "rest",
        ON_NEW,
        True,
    )


def marks(text: str, depth: int = 0) -> list[tuple[str, ...]]:
    """(mark, step) of the lines at a depth."""
    lines = [line[5 * depth :] for line in text.splitlines() if line.startswith("     " * depth)]
    return [
        tuple(line.split()[:2]) for line in lines if line[:4].strip() in ("ok", "-", "fail", "undo", "plan")
    ]


# The whole of it


def test_a_whole_release(resting: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, engine = project_of(resting)
    deploy.run(project, PLAN)
    assert released(resting)
    assert "frontend-green" not in engine.there
    out = capsys.readouterr().out
    assert [step for mark, step in marks(out) if step in NAMES] == NAMES
    assert [line["what"] for line in resting.history] == ["up-green 1.6.8", "route enable-green", "promote"]
    deploy.run(project, PLAN)
    assert capsys.readouterr().out == "nothing to do: 1.6.8 is what everyone has\n"


NAMES = ["build", "push", "pull", "up-green", "switch", "drain", "ask", "promote", "clean-up"]


def test_images_are_built_and_pushed_where_the_compose_file_says_how(resting: World) -> None:
    project, engine = project_of(resting)
    engine.builds, engine.images = {"frontend-green", "session-api"}, {"frontend-green": IMAGE}
    engine.missing = {IMAGE}
    deploy.run(project, PLAN)
    assert engine.asked[:2] == ["build frontend-green 1.6.8", f"push {IMAGE}"]
    assert not [call for call in engine.asked if call.startswith("pull")]
    assert released(resting)


def test_a_local_image_is_not_pushed(resting: World) -> None:
    project, engine = project_of(resting)
    engine.builds, engine.images = {"frontend-green"}, {"frontend-green": "localhost/shop/frontend:1.6.8"}
    deploy.run(project, PLAN)
    assert not [call for call in engine.asked if call.startswith("push")]


@pytest.mark.parametrize("image", ["shop-frontend:1.6.8", "ada/frontend:1.6.8"])
def test_what_names_no_registry_is_pushed_only_where_somebody_insists(
    resting: World, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = project_of(resting)
    engine.builds, engine.images = {"frontend-green"}, {"frontend-green": image}
    deploy.run(project, PLAN)
    assert not [call for call in engine.asked if call.startswith("push")]
    said = [line for line in capsys.readouterr().out.splitlines() if "push" in line and "build" not in line]
    assert len(said) == 1
    assert f"{image} has no registry in the name (--push insists)" in said[0]
    at_rest(resting)
    project, engine = project_of(resting)
    engine.builds, engine.images = {"frontend-green"}, {"frontend-green": image}
    deploy.run(project, replace(PLAN, push=True))
    assert f"push {image}" in engine.asked


def test_skip_push_keeps_what_is_built_here(resting: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, engine = project_of(resting)
    engine.builds, engine.images = {"frontend-green"}, {"frontend-green": IMAGE}
    deploy.run(project, replace(PLAN, push=False))
    assert not [call for call in engine.asked if call.startswith("push")]
    assert "skipped: --skip-push" in capsys.readouterr().out


@pytest.mark.threat(95)
def test_95_a_push_that_fails_has_the_reason_and_another_way(resting: World) -> None:
    project, engine = project_of(resting)
    engine.builds, engine.images = {"frontend-green"}, {"frontend-green": IMAGE}

    def push(image: str) -> None:
        raise Failed(f"{image} could not be pushed", "unauthorized", "docker login registry.example")

    engine.push = push  # type: ignore[method-assign]
    with pytest.raises(Failed, match="could not be pushed: unauthorized") as caught:
        deploy.run(project, PLAN)
    assert "docker login" in caught.value.next
    assert "bgctl deploy 1.6.8 --skip-push" in caught.value.next
    assert not released(resting)


def test_a_slot_with_a_version_written_into_it_is_refused_before_anything_is_built(resting: World) -> None:
    project, engine = project_of(resting)
    engine.builds = {"frontend-green"}
    engine.images = {"frontend-green": IMAGE, "frontend-blue": "x:1.6.7"}
    engine.told = False
    said = (
        r"compose.yaml:\d+: frontend-blue is the same on every version: write image: x:\$\{CURRENT_VERSION\}"
    )
    with pytest.raises(Refused, match=said):
        deploy.run(project, PLAN)
    assert engine.asked == []


def test_a_slot_that_says_no_version_is_warned_of(resting: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, engine = project_of(resting)
    engine.images = {"frontend-green": IMAGE, "frontend-blue": "x:latest"}
    engine.told = False
    deploy_plan.check(project, project.state(), PLAN)
    assert Deploy(project, PLAN).up_to_the_switch()
    said = capsys.readouterr().err
    assert "frontend-blue is the same on every version: write image: x:${CURRENT_VERSION}" in said


def test_what_is_not_built_is_pulled_if_it_is_not_here(
    resting: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = project_of(resting)
    engine.builds, engine.images, engine.missing = {"frontend-green"}, {"frontend-green": IMAGE}, {IMAGE}
    deploy.run(project, Plan("1.6.8", PLAN.watch, ask=False, build=False))
    assert engine.asked[0] == f"pull {IMAGE}"
    assert "skipped: --skip-build" in capsys.readouterr().out


@pytest.mark.parametrize("sessions", [{"1.6.7": 2}, None])
def test_it_waits_without_the_lock(resting: World, sessions: dict[str, int] | None) -> None:
    project, _ = project_of(resting)
    answer = resting._report
    looks = iter(range(3))

    def report() -> Reply:
        resting.sessions = {} if next(looks, None) is None else sessions
        if resting.state["phase"] == "draining" and resting.sessions != {}:
            assert resting.bgctl("route", "enable-green").returncode == 0  # would be 4
        return answer()

    resting.api.answers["/api/deployment/active-sessions"] = report
    deploy.run(project, PLAN)
    assert released(resting)


def test_the_terms_reach_the_promotion(resting: World) -> None:
    resting.sessions, resting.recent = {"1.6.7": 2}, {}
    project, _ = project_of(resting)
    deploy.run(project, Plan("1.6.8", Watch(DrainTerms(idle=600), interval=0.001), ask=False))
    assert released(resting)


def test_it_asks_before_the_promotion(resting: World) -> None:
    ui = Answering(True)
    deploy.run(project_of(resting, ui)[0], Plan("1.6.8", PLAN.watch))
    assert ui.asked == ["Promote 1.6.8 now?"]
    assert released(resting)


def test_no_leaves_the_release_as_it_is(resting: World) -> None:
    ui = Answering(False)
    with pytest.raises(NotYet, match="you said no") as caught:
        deploy.run(project_of(resting, ui)[0], Plan("1.6.8", PLAN.watch))
    assert caught.value.next == "bgctl deploy 1.6.8, or: bgctl rollback"
    assert (resting.state["phase"], resting.state["deployment"]["step"]) == ("draining", "drained")


def test_a_green_that_was_left_is_cleaned_up(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    at_rest(world)
    project, engine = project_of(world)

    def leave(service: str, grace: float, keep: object = None) -> None:
        if engine.asked.count("remove frontend-green") > 0 and service == "frontend-green":
            engine.remove = lambda *a: FakeEngine.remove(engine, *a)  # type: ignore[method-assign]
            return
        FakeEngine.remove(engine, service, grace)

    world.put("promoting", ON_NEW, {"version": "1.6.8", "state": "drain", "weight": 0}, "serve-blue")
    world.serve(world.blue, "1.6.8")
    engine.asked.append("remove frontend-green")
    engine.remove = leave  # type: ignore[method-assign]
    deploy.run(project, PLAN)
    assert "frontend-green" not in engine.there
    assert "a green was left, and is stopped" in capsys.readouterr().out


# Refusals


def refused(world: World, *argv: str) -> str:
    before = world.state
    done = world.bgctl("deploy", *argv)
    assert (done.returncode, world.state) == (3, before), done.stdout + done.stderr
    assert not (world.root / "state" / "history.jsonl").exists()
    return done.stderr


@pytest.mark.threat(48)
def test_48_without_a_terminal_it_must_be_told_not_to_ask(resting: World) -> None:
    assert "next: bgctl deploy 1.6.8 --yes" in refused(resting, "1.6.8")


@pytest.mark.parametrize(
    ("phase", "blue", "green"),
    [
        ("candidate", READY, CANDIDATE),
        ("canary", BLUE_90, CANARY),
        ("draining", DRAIN, GREEN),
        ("promoting", OUT, GREEN),
    ],
)
def test_another_release_under_way_is_named(world: World, phase: str, blue: object, green: object) -> None:
    world.put(phase, blue, green)  # type: ignore[arg-type]
    said = refused(world, "1.6.9", "--auto")  # its old name
    assert f"1.6.8 is under way (phase {phase})" in said
    assert "next: bgctl deploy 1.6.8, or: bgctl rollback" in said


@pytest.mark.parametrize("version", ["../x", "v" * 65])
def test_what_is_no_version_is_refused(resting: World, version: str) -> None:
    assert "is not a version" in refused(resting, "--yes", version)


def test_what_can_be_known_is_looked_at_before_anything_is_built(resting: World) -> None:
    project, engine = project_of(resting)
    engine.builds = {"frontend-green"}
    resting.serve(resting.blue, "0.0.0")
    with pytest.raises(Refused, match="blue is not healthy"):
        deploy.run(project, PLAN)
    assert engine.asked == []


def test_a_dry_run_says_the_whole_plan(resting: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, engine = project_of(resting)
    engine.builds, engine.images, engine.missing = {"frontend-green"}, {"frontend-green": IMAGE}, {IMAGE}
    before = sorted((path, path.read_bytes()) for path in resting.root.rglob("*") if path.is_file())
    deploy.run(project, Plan("1.6.8", PLAN.watch), dry_run=True)
    planned = {step: mark for mark, step in marks(capsys.readouterr().out)}
    assert {step for step, mark in planned.items() if mark == "-"} == {"pull"}
    assert list(planned) == NAMES
    assert engine.asked == []
    assert sorted((path, path.read_bytes()) for path in resting.root.rglob("*") if path.is_file()) == before


def test_a_dry_run_as_json(resting: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, _ = project_of(resting, UI(as_json=True))
    deploy.run(project, PLAN, dry_run=True)
    plan = json.loads(capsys.readouterr().out)
    assert [step["step"] for step in plan["steps"]] == NAMES
    assert [step["step"] for step in plan["steps"] if "undo" in step] == ["up-green", "switch"]


# Failures


def only_so_often(good: int, version: str) -> Callable[[], Reply]:
    replies: Iterator[Reply] = iter([(200, {"version": version})] * good)
    return lambda: next(replies, (500, b""))


@pytest.mark.threat(35)
def test_35_a_candidate_that_does_not_prove_itself_leaves_everything_as_it_was(
    resting: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine = project_of(resting)
    monkeypatch.setattr(engine, "dead", lambda service: "its container exited with code 70")
    engine.up = lambda *_: engine.asked.append("up")  # type: ignore[method-assign]
    with pytest.raises(Failed, match="exited with code 70"):
        deploy.run(project, PLAN)
    assert (resting.state["phase"], resting.state["generation"]) == ("rest", 7)
    assert "frontend-green" not in engine.there
    assert ("undo", "up-green") in marks(capsys.readouterr().out)


def test_a_switch_that_fails_is_taken_back_with_all_before_it(
    resting: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = project_of(resting)
    engine.builds = {"frontend-green"}

    def up(service: str, env: dict[str, str], grace: float = 10, keep: Keep = None) -> None:
        FakeEngine.up(engine, service, env, grace)
        resting.green.answers["/healthz"] = only_so_often(3, "1.6.8")

    engine.up = up  # type: ignore[method-assign, assignment]
    with pytest.raises(Failed, match="green is not healthy") as caught:
        deploy.run(project, PLAN)
    assert "undone: up-green" in str(caught.value)
    assert (resting.state["phase"], resting.state["slots"]["blue"]) == ("rest", READY)
    assert "frontend-green" not in engine.there
    undone = [step for mark, step in marks(capsys.readouterr().out) if mark == "undo"]
    assert undone == ["switch", "up-green"]
    assert [line["outcome"] for line in resting.history] == ["done", "refused", "done"]


def test_a_candidate_that_was_there_before_stays_when_the_switch_fails(resting: World) -> None:
    resting.put("candidate", READY, CANDIDATE)
    resting.green.answers["/healthz"] = only_so_often(1, "1.6.8")
    project, engine = project_of(resting)
    with pytest.raises(Refused, match="green is not healthy"):
        deploy.run(project, PLAN)
    assert (resting.state["phase"], "frontend-green" in engine.there) == ("candidate", True)


def test_a_promotion_that_fails_is_not_taken_back(resting: World) -> None:
    project, engine = project_of(resting)

    def up(service: str, env: dict[str, str], grace: float = 10, keep: Keep = None) -> None:
        if service == "frontend-blue":
            raise Failed("frontend-blue is not healthy", "it answers 500", "bgctl status")
        FakeEngine.up(engine, service, env, grace)

    engine.up = up  # type: ignore[method-assign, assignment]
    with pytest.raises(Failed, match="people are served") as caught:
        deploy.run(project, PLAN)
    assert "bgctl promote, or: bgctl rollback" in caught.value.next
    assert (resting.state["phase"], resting.state["slots"]["green"]) == ("promoting", GREEN)
    engine.up = lambda *a: FakeEngine.up(engine, *a)  # type: ignore[method-assign]
    deploy.run(project, PLAN)
    assert released(resting)


def test_a_rollback_by_another_meanwhile_is_no_success(resting: World) -> None:
    project, _ = project_of(resting)
    resting.put("draining", DRAIN, GREEN, "drain")
    resting.serve(resting.green, "1.6.8")
    answer = resting._report

    def report() -> Reply:
        resting.sessions = {"1.6.7": 1}
        reply = answer()
        resting.put("candidate", READY, CANDIDATE)
        return reply

    resting.api.answers["/api/deployment/active-sessions"] = report
    with pytest.raises(Refused, match=r"the release of 1\.6\.8 was taken back"):
        deploy.run(project, PLAN)


# Interruptions


@pytest.mark.threat(46)
@pytest.mark.parametrize(
    ("phase", "blue", "green", "step"),
    [
        ("candidate", READY, CANDIDATE, "candidate"),
        ("canary", BLUE_90, CANARY, "canary"),
        ("draining", DRAIN, GREEN, "drain"),
        ("draining", DRAIN, GREEN, "drained"),
        ("draining", OUT, GREEN, "disable-blue"),
        ("promoting", OUT, GREEN, "retire-blue"),
        ("promoting", ON_NEW, {**GREEN, "state": "drain", "weight": 0}, "serve-blue"),
        ("promoting", ON_NEW, CANDIDATE, "stop-green"),
    ],
)
def test_46_it_goes_on_from_where_the_release_is(resting: World, phase, blue, green, step) -> None:
    resting.put(phase, blue, green, step)
    resting.serve(resting.blue, blue["version"])
    resting.serve(resting.green, "1.6.8")
    project, engine = project_of(resting)
    engine.builds = {"frontend-green"}
    deploy.run(project, PLAN)
    assert released(resting)
    assert not [call for call in engine.asked if call.startswith(("build", "push"))]


def hooked(hook: Hooked, world: World) -> tuple[Project, FakeEngine]:
    project, engine = hook.project_of(world)
    engine.builds, engine.images = {"frontend-green"}, {"frontend-green": IMAGE}
    return project, engine


@pytest.mark.threat(42)
@pytest.mark.parametrize("after", [False, True])
def test_42_killed_anywhere_it_goes_on(resting: World, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    hook = Hooked(monkeypatch)
    deploy.run(hooked(hook, resting)[0], PLAN)
    assert released(resting)
    total = hook.count
    assert total > 15
    for at in range(total):
        at_rest(resting)
        hook.count, hook.at, hook.after = 0, at, after
        project, engine = hooked(hook, resting)
        with pytest.raises(Killed):
            deploy.run(project, PLAN)
        hook.at = -1
        blue, green = resting.state["slots"]["blue"], resting.state["slots"]["green"]
        assert blue["weight"] + green["weight"] == 100
        deploy.run(project, PLAN)
        assert released(resting), at
        assert "frontend-green" not in engine.there, at


@pytest.mark.threat(42)
def test_42_killed_anywhere_it_can_be_taken_back(resting: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.release import rollback

    hook = Hooked(monkeypatch)
    deploy.run(hooked(hook, resting)[0], PLAN)
    for at in range(hook.count):
        at_rest(resting)
        hook.count, hook.at = 0, at
        project, engine = hooked(hook, resting)
        with pytest.raises(Killed):
            deploy.run(project, PLAN)
        hook.at = -1
        rollback.run(project)
        assert resting.state["phase"] == "rest", at
        assert "frontend-green" not in engine.there, at


@pytest.mark.threat(46)
def test_46_ctrl_c_while_it_drains_says_how_to_go_on(resting: World) -> None:
    resting.put("draining", DRAIN, GREEN, "drain")
    resting.sessions = {"1.6.7": 2}
    before = resting.state
    command = [str(BGCTL), "--project", str(resting.root), "deploy", "1.6.8", "--yes"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    while "1.6.7 still has 2 sessions" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, resting.state) == (130, before)
    assert "to take it back: bgctl rollback" in out
    assert f"next: bgctl --project {resting.root} deploy 1.6.8 --yes" in err


@pytest.mark.threat(46)
def test_46_ctrl_c_at_the_question_is_an_interruption(resting: World) -> None:
    project, _ = project_of(resting, Answering(None))
    with pytest.raises(KeyboardInterrupt):
        deploy.run(project, Plan("1.6.8", PLAN.watch))
    assert resting.state["phase"] == "draining"


# Steps that are taken back


def test_what_is_taken_back_is_so_in_reverse_and_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []

    def step(name: str, fails: bool = False, undo_fails: bool = False) -> Step:
        def do() -> str:
            if fails:
                raise Failed("no", "why", "bgctl status", "a log")
            return ""

        def undo() -> None:
            done.append(name)
            if undo_fails:
                raise Failed("not even that")

        return Step(name=name, what="", do=do, undo=undo, undone=f"{name} is gone")

    with pytest.raises(Failed) as caught:
        walk([step("one"), step("two", undo_fails=True), step("three", fails=True)], UI(), take_back=True)
    assert done == ["three", "two", "one"]
    assert (caught.value.why, caught.value.detail) == ("why; undone: one", "a log")
    out, err = capsys.readouterr()
    assert marks(out) == [
        ("ok", "one"),
        ("ok", "two"),
        ("fail", "three"),
        ("undo", "three"),
        ("fail", "two"),
        ("undo", "one"),
    ]
    assert "two could not be undone: not even that" in err
