"""Nothing that came to be wrong meanwhile keeps `up` from bringing back what has served, nor a rollback."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from tests.unit.toolkit.support.engines import FakeEngine, Listening, all_free, project_of
from tests.unit.toolkit.support.worlds import DRAIN, GREEN, NONE, READY, World
from toolkit.checks import machine
from toolkit.engine.compose import Compose, ComposeService
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.release import rollback, up_checks


def faulty(engine: FakeEngine) -> None:
    """The compose file has come to have faults that no release could begin with, and a broken migration."""
    compose = engine.compose

    def found(env: Mapping[str, str]) -> Compose:
        known = dict(compose(env).services)
        for name in ("frontend-blue", "frontend-green"):
            needs = {"migrate": {"condition": "service_completed_successfully"}}
            known[name] = replace(known[name], container_name="web", depends_on=needs)
        known["frontend-green"] = replace(known["frontend-green"], image="", build=".")
        known["migrate"] = ComposeService("gone:1", restart="always")
        return Compose(known)

    engine.compose = found  # type: ignore[method-assign]


def after_reboot(world: World) -> tuple[Project, FakeEngine, Listening]:
    """Nothing of this project runs any more."""
    world.put("rest", READY, NONE)
    ui = Listening()
    project, engine = project_of(world, ui, is_free=all_free)
    engine.there.clear()
    world.blue.answers.clear()
    world.green.answers.clear()
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.8\n")
    return project, engine, ui


@pytest.mark.parametrize("env", ["CURRENT_VERSION='1.6.7\n", "", "PLAIN=1\n"])
def test_a_broken_env_file_does_not_keep_up_from_bringing_back(world: World, env: str) -> None:
    project, _, ui = after_reboot(world)
    (world.root / ".env").write_text(env)
    up_checks.check(project, project.state(), pull=False)
    assert any(".env" in said for said in ui.warned)
    with pytest.raises(Refused):
        up_checks.check(project, None, pull=False)


def test_another_version_in_the_env_file_is_still_no_release(world: World) -> None:
    project, _, _ = after_reboot(world)
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.9\n")
    with pytest.raises(Refused, match=r"blue serves 1\.6\.7; a new version is a release") as caught:
        up_checks.check(project, project.state(), pull=False)
    assert caught.value.next == "bgctl up-green 1.6.9"


def test_faults_of_releases_do_not_keep_up_from_bringing_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine, ui = after_reboot(world)
    faulty(engine)
    full = Failed("3 MiB are free for this project", "it is nearly full", "df -h")
    monkeypatch.setattr(machine, "room", lambda folders: iter([full]))
    up_checks.check(project, project.state(), pull=False)
    told = " ".join(ui.warned)
    for said in ("are called web", "is built without a name", "restart: always", "3 MiB are free"):
        assert said in told
    with pytest.raises(Refused):
        up_checks.check(project, None, pull=False)


def test_a_rollback_goes_by_blue_and_by_nothing_else_of_the_compose_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("promoting", {**GREEN, "version": "1.6.8", "weight": 0, "state": "maint"}, GREEN, "promote")
    ui = Listening()
    project, engine = project_of(world, ui)
    world.blue.answers.clear()
    compose = engine.compose

    def found(env: Mapping[str, str]) -> Compose:
        known = dict(compose(env).services)
        del known["session-api"]
        return Compose(known)

    monkeypatch.setattr(engine, "compose", found)
    rollback.run(project)
    assert world.state["phase"] == "rest"
    assert world.state["slots"]["blue"]["version"] == "1.6.7"
    assert any("no service session-api" in said for said in ui.warned)


def test_a_rollback_is_refused_where_blue_itself_is_not_there(world: World) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    project, engine = project_of(world)
    world.blue.answers.clear()
    known = {"frontend-green": ComposeService("x:1", "host")}
    engine.compose = lambda env: Compose(known)  # type: ignore[method-assign]
    with pytest.raises(Refused, match="no service frontend-blue"):
        rollback.run(project)
    assert engine.asked == []
