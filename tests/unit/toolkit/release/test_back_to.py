"""`bgctl rollback --to`: an older version comes back as a release, on the images that were proven."""

import json
from collections.abc import Mapping

import pytest
from click.testing import CliRunner

from tests.unit.toolkit.support.engines import Listening
from tests.unit.toolkit.support.versioned import A, B, C, VersionedEngine, named, proven, versioned
from tests.unit.toolkit.support.worlds import DRAIN, GREEN, NONE, World
from toolkit import cli
from toolkit.engine.compose import Compose, ComposeService
from toolkit.errors import Refused
from toolkit.files import releases_file
from toolkit.project import Project
from toolkit.release import back_to, deploy, one_shot, up_green
from toolkit.release.deploy_plan import Plan
from toolkit.release.drain import Watch
from toolkit.release.remaining import DrainTerms

pytestmark = pytest.mark.whole

ON_NEW = {"version": "1.6.8", "state": "ready", "weight": 100}
WATCH = Watch(DrainTerms(), interval=0.001)
BACK = Plan("1.6.7", WATCH, ask=False, build=False, push=False, back=True)
OLD, NEW = named("1.6.7"), named("1.6.8")
DIGEST = "r.example/shop@sha256:" + "0" * 64


def after_the_release(world: World) -> tuple[Project, VersionedEngine, Listening]:
    """1.6.8 is what everyone has, and 1.6.7 was proven before it."""
    world.put("rest", ON_NEW, NONE)
    world.serve(world.blue, "1.6.8")
    world.serve(world.green, "nothing yet")
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.8\nVERSION=1.6.8\n")
    ui = Listening()
    project, engine = versioned(world, ui)
    engine.there.discard("frontend-green")
    engine.ids = {NEW: B, OLD: A}
    engine.started = {"frontend-blue": B}
    proven(project, "1.6.7", A)
    proven(project, "1.6.8", B)
    return project, engine, ui


def with_migration(engine: VersionedEngine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Both slots wait for a one-shot. Returns the versions for which it is run from now on."""
    compose, ran = engine.compose, []
    needs = {"migrate": {"condition": "service_completed_successfully"}}

    def found(env: Mapping[str, str]) -> Compose:
        services = dict(compose(env).services)
        for name in ("frontend-blue", "frontend-green"):
            one = services[name]
            services[name] = ComposeService(one.image, one.network_mode, depends_on=needs)
        services["migrate"] = ComposeService(named(env["VERSION"]))
        return Compose(services)

    def run(project: Project, service: str, version: str) -> str:
        ran.append(version)
        return "has run"

    monkeypatch.setattr(engine, "compose", found)
    monkeypatch.setattr(one_shot, "run", run)
    return ran


def test_an_older_version_comes_back_as_a_release(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, engine, _ = after_the_release(world)
    back_to.run(project, BACK)
    assert (world.state["phase"], world.state["slots"]["blue"]["version"]) == ("rest", "1.6.7")
    assert engine.started["frontend-blue"] == A
    assert not [call for call in engine.asked if call.startswith(("build", "push", "pull", "tag"))]
    said = capsys.readouterr().out
    assert "they are here" in said
    back_to.run(project, BACK)
    assert "nothing to do: 1.6.7 is what everyone has" in capsys.readouterr().out


def test_an_image_that_is_gone_is_pulled_by_its_digest(world: World) -> None:
    project, engine, _ = after_the_release(world)
    proven(project, "1.6.7", A, DIGEST)
    engine.ids, engine.digests, engine.registry = {NEW: B, OLD: C}, {DIGEST: A}, {DIGEST}
    back_to.run(project, BACK)
    assert engine.asked[:2] == [f"pull {DIGEST}", f"tag {DIGEST} {OLD}"]
    assert engine.started["frontend-blue"] == A


def test_without_a_digest_it_is_pulled_by_name_and_that_is_said(world: World) -> None:
    project, engine, ui = after_the_release(world)
    engine.ids = {NEW: B}
    engine.missing = {OLD}
    back_to.run(project, BACK)
    assert f"pull {OLD}" in engine.asked
    assert any(
        "its digest is not known, and it is another image (cccccccccccc)" in said for said in ui.warned
    )
    noted = releases_file.read(project.state_dir).of("1.6.7")
    assert noted is not None
    assert noted.ids == {OLD: C}
    assert engine.started["frontend-blue"] == C


def test_what_cannot_be_had_is_refused_with_what_could_be(world: World) -> None:
    project, engine, _ = after_the_release(world)
    proven(project, "1.6.6", C)
    proven(project, "1.6.5", "f" * 64, DIGEST.replace("0", "1"))
    proven(project, "1.6.7", A, DIGEST)
    engine.ids = {NEW: B, named("1.6.6"): C}
    with pytest.raises(Refused, match=r"1\.6\.7 cannot be brought back.*unauthorized") as caught:
        back_to.run(project, BACK)
    assert "here are 1.6.6 (2026-01-15), 1.6.8" in str(caught.value)
    assert "in a registry may be 1.6.5 (2026-01-15)" in str(caught.value)
    assert caught.value.next == "docker login r.example"
    assert engine.asked == []
    assert world.state["phase"] == "rest"


def test_a_version_that_is_not_known_is_refused_with_those_that_are(world: World) -> None:
    project, _, _ = after_the_release(world)
    with pytest.raises(
        Refused, match=r"1\.5\.0 has never been proven here: known are 1\.6\.7 \(2026"
    ) as caught:
        back_to.run(project, Plan("1.5.0", WATCH, ask=False, back=True))
    assert caught.value.next == "bgctl rollback --to 1.6.7"


def test_within_a_release_it_is_the_rollback_or_nothing(world: World) -> None:
    project, engine, _ = after_the_release(world)
    world.put("draining", DRAIN, GREEN, "drain")
    world.serve(world.blue, "1.6.7")
    world.serve(world.green, "1.6.8")
    engine.there.add("frontend-green")
    for version in ("1.6.8", "1.6.5"):
        with pytest.raises(Refused, match=r"a release is under way: 1\.6\.7 to 1\.6\.8") as caught:
            back_to.run(project, Plan(version, WATCH, ask=False, back=True))
        assert caught.value.next == f"bgctl rollback, then: bgctl rollback --to {version}"
    back_to.run(project, BACK)
    assert (world.state["phase"], world.state["slots"]["blue"]["version"]) == ("rest", "1.6.7")


def test_it_goes_on_where_it_was(world: World) -> None:
    project, engine, _ = after_the_release(world)
    up_green.run(project, "1.6.7", back=True)
    assert world.state["phase"] == "candidate"
    back_to.run(project, BACK)
    assert (world.state["phase"], engine.started["frontend-blue"]) == ("rest", A)


def test_no_migration_runs_then_or_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project, engine, ui = after_the_release(world)
    ran = with_migration(engine, monkeypatch)
    engine.missing = {named("migrate")}
    back_to.run(project, BACK)
    assert ran == []
    assert any("migrate does not run for 1.6.7" in said for said in ui.warned)
    assert one_shot.has_run(project, "migrate", "1.6.7"), "nor when blue is started again"
    deploy.run(project, Plan("1.6.8", WATCH, ask=False, build=False))
    deploy.run(project, Plan("1.6.7", WATCH, ask=False, build=False))
    assert ran == ["1.6.8", "1.6.7"], "as an ordinary release it migrates"


def test_nobody_can_be_asked_is_refused_first(world: World) -> None:
    project, engine, _ = after_the_release(world)
    plan = Plan("1.6.7", WATCH, build=False, push=False, back=True)
    with pytest.raises(Refused, match="nobody can be asked") as caught:
        back_to.run(project, plan)
    assert caught.value.next == "bgctl rollback --to 1.6.7 --yes"
    assert engine.asked == []


def test_a_dry_run_shows_the_steps(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, engine, _ = after_the_release(world)
    project.ui.as_json = True
    back_to.run(project, BACK, dry_run=True)
    steps = [step["step"] for step in json.loads(capsys.readouterr().out)["steps"]]
    assert steps == ["images", "up-green", "switch", "drain", "ask", "promote", "clean-up"]
    assert engine.asked == []


def test_the_shell_completes_the_known_versions(world: World) -> None:
    project, _, _ = after_the_release(world)
    words = f"bgctl --project {project.root} rollback --to 1."
    env = {"_BGCTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "5"}
    said = CliRunner().invoke(cli.cli, prog_name="bgctl", env=env).output
    assert said.split() == ["plain,1.6.8", "plain,1.6.7"]


@pytest.mark.parametrize("argv", [["--yes"], ["--to", "1.6.7", "--no-wait"]])
def test_options_that_do_not_go_together(world: World, argv: list[str]) -> None:
    assert cli.run(["--project", str(world.root), "rollback", *argv]) == 2
