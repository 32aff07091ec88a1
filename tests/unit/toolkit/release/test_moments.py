"""[hooks]: which runs when, what it is told, and what becomes of the release when it fails."""

import re
import shutil
from collections.abc import Callable

import pytest

from tests.unit.toolkit.support.engines import FakeEngine, project_of
from tests.unit.toolkit.support.worlds import BGCTL, CANDIDATE, DRAIN, GREEN, NONE, READY, World
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.release import deploy, moments, promote, rollback, route, up_green
from toolkit.release.deploy_plan import Plan
from toolkit.release.drain import Watch
from toolkit.release.remaining import DrainTerms

pytestmark = pytest.mark.whole

PLAN = Plan("1.6.8", Watch(DrainTerms(), interval=0.001), ask=False)
ALL = (
    "pre_build",
    "post_up_green",
    "pre_switch",
    "post_switch",
    "pre_promote",
    "post_promote",
    "on_rollback",
    "on_failure",
)
NOTE = 'echo "$BGCTL_HOOK $BGCTL_OLD_VERSION $BGCTL_VERSION $BGCTL_PROJECT_NAME $BGCTL_URL" >> ran'
Make = Callable[..., tuple[Project, FakeEngine]]


@pytest.fixture
def hooked(world: World) -> Make:
    """The world at rest, with a note of each hook in the file `ran`, and other commands for some of them."""

    def make(**commands: str) -> tuple[Project, FakeEngine]:
        toml = world.root / "bgctl.toml"
        text = toml.read_text()
        for name in ALL:
            text = text.replace(f'{name} = ""', f"{name} = '{commands.get(name, NOTE)}'")
        toml.write_text(text)
        (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
        shutil.rmtree(world.root / "keys" / "settings", ignore_errors=True)
        world.put("rest", READY, NONE)
        world.serve(world.green, "nothing yet")
        project, engine = project_of(world)
        engine.builds, engine.images = {"frontend-green"}, {"frontend-green": "shop/frontend:1.6.8"}
        return project, engine

    return make


def ran(world: World) -> list[str]:
    """The names of the hooks that ran, in their order."""
    path = world.root / "ran"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_release_has_each_of_its_moments_once(world: World, hooked: Make) -> None:
    project, _ = hooked()
    deploy.run(project, PLAN)
    assert ran(world) == list(ALL[:6])
    assert set((world.root / "ran").read_text().split("\n")[0].split()[1:3]) == {"1.6.7", "1.6.8"}
    assert "shop http://127.0.0.1:8080" in (world.root / "ran").read_text()


def test_a_canary_has_them_before_its_first_share_and_after_the_switch(world: World, hooked: Make) -> None:
    project, _ = hooked()
    up_green.run(project, "1.6.8")
    for share in (10, 50):
        route.run(project, "canary", share)
    assert ran(world) == ["post_up_green", "pre_switch"]
    route.run(project, "enable-green")
    route.run(project, "enable-green")
    assert ran(world) == ["post_up_green", "pre_switch", "post_switch"]
    rollback.run(project)
    assert ran(world)[3:] == ["on_rollback"]


@pytest.mark.parametrize(
    ("moment", "phase"), [("pre_build", "rest"), ("pre_switch", "rest"), ("pre_promote", "draining")]
)
def test_a_pre_hook_that_fails_stops_the_release(
    world: World, hooked: Make, moment: str, phase: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = hooked(**{moment: "echo no go >&2; exit 9"})
    with pytest.raises(Failed, match=rf"\[hooks\] {moment} failed with exit code 9") as caught:
        deploy.run(project, PLAN)
    assert "run the same command again" in caught.value.next
    assert "no go" in caught.value.detail
    assert world.state["phase"] == phase
    assert world.state["slots"]["blue"]["version"] == "1.6.7"
    assert moment not in ran(world)
    assert ("green is stopped" in capsys.readouterr().out) == (moment == "pre_switch")
    assert ("on_rollback" in ran(world)) == (moment == "pre_switch")
    if moment == "pre_build":
        assert not [call for call in engine.asked if call.startswith("build")]


@pytest.mark.parametrize("moment", ["post_up_green", "post_switch", "post_promote"])
def test_another_that_fails_is_told_and_the_release_goes_on(
    world: World, hooked: Make, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project, _ = hooked(**{moment: "exit 3"})
    deploy.run(project, PLAN)
    assert (world.state["phase"], world.state["slots"]["blue"]["version"]) == ("rest", "1.6.8")
    assert f"warning: [hooks] {moment} failed with exit code 3" in capsys.readouterr().err


def test_one_that_hangs_is_killed_and_no_lock_was_held(world: World, hooked: Make) -> None:
    hooked(pre_switch=f"{BGCTL} --project . route disable-green && echo free > free; sleep 60")
    toml = world.root / "bgctl.toml"
    toml.write_text(re.sub(r'timeout = "5m" +# of each one', 'timeout = "5s"', toml.read_text()))
    project, _ = project_of(world)
    up_green.run(project, "1.6.8")
    with pytest.raises(Failed, match=r"\[hooks\] pre_switch was given up"):
        route.run(project, "enable-green")
    assert (world.root / "free").exists()
    assert world.state["phase"] == "candidate"


def test_what_is_refused_runs_no_hook(world: World, hooked: Make) -> None:
    project, _ = hooked()
    for refused in (
        lambda: route.run(project, "enable-green"),
        lambda: promote.run(project),
        lambda: _failing(project, lambda: promote.run(project)),
    ):
        with pytest.raises(Refused):
            refused()
    assert ran(world) == []


def test_a_promotion_that_has_to_wait_does_not_run_its_hook(world: World, hooked: Make) -> None:
    project, _ = hooked()
    world.serve(world.green, "1.6.8")
    world.put("draining", DRAIN, GREEN, "drain")
    world.sessions = {"1.6.7": 3}
    with pytest.raises(promote.NotEmpty):
        promote.run(project)
    assert ran(world) == []


def test_a_dry_run_names_them_and_runs_none(
    world: World, hooked: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    project, _ = hooked()
    deploy.run(project, PLAN, dry_run=True)
    said = capsys.readouterr().out
    for name in ALL[:6]:
        assert name in said
    assert ran(world) == []


def test_on_failure_is_told_why_and_cannot_hide_it(
    world: World, hooked: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    project, _ = hooked(on_failure='echo "$BGCTL_HOOK:$BGCTL_REASON" > why; exit 1')

    def fails() -> None:
        raise Failed("green did not come up", "exit code 3")

    with pytest.raises(Failed, match="green did not come up"):
        _failing(project, fails)
    assert (world.root / "why").read_text() == "on_failure:green did not come up: exit code 3\n"
    assert "warning: [hooks] on_failure failed" in capsys.readouterr().err


def test_a_command_that_fails_runs_on_failure(world: World, hooked: Make) -> None:
    """The real command: bgctl route, where the proxy does not confirm."""
    hooked()
    world.put("candidate", READY, CANDIDATE)
    world.serve(world.green, "1.6.8")
    world.stuck_at = 7
    assert world.bgctl("route", "enable-green").returncode == 1
    assert ran(world) == ["pre_switch", "on_failure"]


def _failing(project: Project, what: Callable[[], None]) -> None:
    with moments.failing(project):
        what()
