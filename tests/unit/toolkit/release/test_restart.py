"""`bgctl restart` on an engine without containers: its order, its way back, its images, what it says."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.toolkit.support.engines import Hooked, Killed, Listening, all_free
from tests.unit.toolkit.support.versioned import A, B, VersionedEngine, named, proven, versioned
from tests.unit.toolkit.support.worlds import GREEN, NONE, READY, World
from toolkit import slots
from toolkit.cron import tick
from toolkit.engine.compose import ComposeService
from toolkit.errors import Failed, Refused
from toolkit.files import releases_file, started_file
from toolkit.project import Project
from toolkit.release import comparing, deploy, differences, promote, restart, rollback
from toolkit.release.deploy_plan import Plan
from toolkit.release.drain import Watch
from toolkit.release.remaining import DrainTerms

pytestmark = pytest.mark.whole

OLD = named("1.6.7")
DOWN = {"version": "1.6.7", "state": "maint", "weight": 0}


def resting(world: World, ui: Listening | None = None) -> tuple[Project, VersionedEngine]:
    world.put("rest", READY, NONE)
    project, engine = versioned(world, ui)
    engine.ids, engine.started = {OLD: A}, {"frontend-blue": A}
    engine.there.discard("frontend-green")
    engine.builds = {"frontend-blue", "frontend-green"}
    proven(project, "1.6.7", A)
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
    (world.root / "proxy").mkdir(exist_ok=True)
    return project, engine


def under_way(world: World, step: str, blue: dict[str, Any], green: dict[str, Any]) -> None:
    world.put("promoting", blue, green, step)
    state = world.state
    state["deployment"] |= {"from": "1.6.7", "to": "1.6.7"}
    (world.root / "state" / "state.json").write_text(json.dumps(state))


def changes(engine: VersionedEngine) -> list[str]:
    return [each for each in engine.asked if each.split()[0] in ("up", "remove", "build", "tag")]


def test_green_comes_first_and_goes_last(world: World) -> None:
    project, engine = resting(world)
    restart.run(project)
    assert changes(engine) == [
        "up frontend-green",
        "remove frontend-blue",
        "up frontend-blue",
        "remove frontend-green",
    ]
    assert (world.state["phase"], world.state["deployment"], world.state["slots"]["blue"]) == (
        "rest",
        None,
        READY,
    )
    assert "lineage" not in world.state
    assert (world.history[-1]["what"], world.history[-1]["outcome"]) == ("restart", "done")
    assert (world.root / ".env").read_text() == "CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n"


def test_a_green_that_was_left_over_is_not_taken_for_one_with_the_settings_of_today(world: World) -> None:
    project, engine = resting(world)
    engine.there.add("frontend-green")
    world.serve(world.green, "1.6.7")
    restart.run(project)
    assert changes(engine)[:2] == ["remove frontend-green", "up frontend-green"]


def test_a_green_that_does_not_come_up_is_stopped_and_nothing_has_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine = resting(world)
    before = world.state

    def fails(*_: object, **__: object) -> str:
        raise Failed("frontend-green is not healthy", "status 500", "bgctl status", "its last lines")

    monkeypatch.setattr(slots, "start", fails)
    with pytest.raises(Failed) as caught:
        restart.run(project)
    assert caught.value.detail == "its last lines"
    assert changes(engine) == ["remove frontend-green"]
    assert world.state == before


def test_a_build_in_vain_gives_the_name_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project, engine = resting(world)
    engine.ids["kept:name"] = A  # an image that a container runs stays, also without its name
    build = engine.build

    def builds(*given: Any) -> None:
        build(*given)
        engine.ids[OLD] = B

    monkeypatch.setattr(engine, "build", builds)
    start = slots.start

    def fails(given: Project, slot: str, version: str, anew: bool = False) -> str:
        start(given, slot, version, anew)
        raise Failed("frontend-green is not healthy", "status 500", "bgctl status")

    with monkeypatch.context() as broken:
        broken.setattr(slots, "start", fails)
        with pytest.raises(Failed, match="not healthy"):
            restart.run(project, build=True)
    assert engine.ids[OLD] == A
    noted = releases_file.read(project.state_dir).of("1.6.7")
    assert noted and noted.ids == {OLD: A}


def test_a_build_is_proven_and_both_slots_get_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project, engine = resting(world)
    build = engine.build

    def builds(*given: Any) -> None:
        build(*given)
        engine.ids[OLD] = B

    monkeypatch.setattr(engine, "build", builds)
    restart.run(project, build=True)
    assert "build frontend-green 1.6.7" in engine.asked
    assert (engine.started["frontend-green"], engine.started["frontend-blue"]) == (B, B)
    noted = releases_file.read(project.state_dir).of("1.6.7")
    assert noted and noted.ids == {OLD: B}


def test_without_a_build_it_is_the_proven_image(world: World) -> None:
    project, engine = resting(world)
    engine.ids = {OLD: B, "kept:name": A}
    restart.run(project)
    assert (engine.started["frontend-green"], engine.started["frontend-blue"]) == (A, A)


def test_nothing_to_build_is_refused(world: World) -> None:
    project, engine = resting(world)
    engine.builds = set()
    with pytest.raises(Refused, match="nothing to build") as caught:
        restart.run(project, build=True)
    assert caught.value.next == "bgctl restart"


@pytest.mark.parametrize("build", [False, True])
def test_migrations_do_not_run_again_and_it_says_so(
    world: World, build: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = resting(world)
    needs = {"migrate": {"condition": "service_completed_successfully"}}
    plain = engine.compose

    def compose(env: Any) -> Any:
        found = plain(env)
        services = dict(found.services)
        for name in ("frontend-blue", "frontend-green"):
            services[name] = replace(services[name], depends_on=needs)
        return replace(found, services={**services, "migrate": ComposeService(OLD)})

    engine.compose = compose  # type: ignore[method-assign]
    engine.ran = ["1.6.7"]
    restart.run(project, build=build)
    told = capsys.readouterr()
    assert "migrate: not run again for 1.6.7" in (told.err if build else told.out)


def test_a_dry_run_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    project, engine = resting(world)
    before = world.state
    restart.run(project, dry_run=True)
    assert (changes(engine), world.state) == ([], before)
    said = capsys.readouterr().out
    assert "plan start-green" in said
    assert "undo: green is stopped" in said


def test_a_release_and_a_restart_keep_out_of_each_others_way(world: World) -> None:
    project, _ = resting(world)
    world.put("draining", {**READY, "state": "drain", "weight": 0}, GREEN, "drain")
    with pytest.raises(Refused, match=r"1\.6\.8 is being released"):
        restart.run(project)
    under_way(world, "start-blue", DOWN, READY)
    for version in ("1.6.7", "1.6.8"):
        with pytest.raises(Refused, match="is being restarted"):
            deploy.run(project, Plan(version, Watch(DrainTerms()), ask=False))
    with pytest.raises(Refused, match="is being restarted"):
        promote.run(project)


def test_cron_goes_on_with_one_that_was_cut_short(world: World) -> None:
    project, engine = resting(world)
    under_way(world, "start-blue", DOWN, READY)
    engine.there = {"proxy", "session-api", "frontend-green"}
    world.serve(world.green, "1.6.7")
    world.blue.answers.clear()
    assert tick.run(project, DrainTerms()) == 0
    assert (world.state["phase"], world.state["slots"]["blue"]) == ("rest", READY)


def test_cron_leaves_one_that_is_taken_back(world: World) -> None:
    project, _ = resting(world)
    under_way(world, "rollback", READY, {**DOWN, "state": "drain"})
    assert tick.run(project, DrainTerms()) == Refused.code
    assert world.state["deployment"]["step"] == "rollback"


@pytest.mark.threat(42)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("command", ["restart", "rollback"])
def test_42_killed_at_any_write_it_goes_on_or_is_taken_back(
    tmp_path: Path, web: Any, monkeypatch: pytest.MonkeyPatch, after: bool, command: str
) -> None:
    """In the end blue is at rest on its version, green is gone, and nobody was ever without a slot."""
    hooked, at = Hooked(monkeypatch), 0
    while True:
        (root := tmp_path / f"at-{at}").mkdir()
        world = World(root, web)
        hooked.at = -1
        _, engine = resting(world)
        project = hooked.hook(engine, is_free=all_free)
        hooked.count, hooked.at, hooked.after = 0, at, after
        try:
            restart.run(project)
        except Killed:
            pass
        else:
            break
        hooked.at = -1
        for name, server in (("frontend-blue", world.blue), ("frontend-green", world.green)):
            if name not in engine.there:
                server.answers.clear()  # the engine has none that would end with its container
        serving = [name for name, slot in world.state["slots"].items() if slot["state"] == "ready"]
        assert any(f"frontend-{name}" in engine.there for name in serving)
        restart.run(project) if command == "restart" else rollback.run(project)
        assert (world.state["phase"], world.state["slots"]["blue"]) == ("rest", READY)
        assert "lineage" not in world.state
        assert "frontend-blue" in engine.there
        assert "frontend-green" not in engine.there
        at += 1
    assert at > 8


def test_what_was_changed_is_told_by_name_until_it_is_brought(world: World) -> None:
    ui = Listening()
    project, engine = resting(world, ui)
    restart.run(project)
    assert differences.look(project) == []
    plain = engine.document

    def changed(env: Any) -> dict[str, Any]:
        found = plain(env)
        for name in ("frontend-blue", "session-api"):
            found["services"][name]["environment"] = {"APP_VERSION": "1.6.7", "TOKEN": "hunter2"}
        return found

    engine.document = changed  # type: ignore[method-assign]
    with project.env_path.open("a") as file:
        file.write("TOKEN=hunter2\n")
    (only,) = differences.look(project)
    told = "frontend-blue runs with other settings than your files say: TOKEN; next: bgctl restart"
    assert only.line == told, "nothing was noted of the session API"
    assert "hunter2" not in (project.state_dir / started_file.NAME).read_text()
    restart.run(project)
    assert differences.look(project) == []


def test_only_the_proxy_is_to_be_stopped_for_its_settings(world: World) -> None:
    """`up` gives the session API a new container by itself, and the proxy one that lacks a folder."""
    project, engine = resting(world)
    there = dict.fromkeys(("proxy", "session-api", "redis"), "0123456789abcdef")

    def next(name: str) -> str:
        return comparing._next(project, project.state(), name, "", there)

    assert next("session-api") == "bgctl up"
    assert next("proxy") == f"in a quiet minute: {engine.name} stop 0123456789ab; bgctl up"
    assert "up -d --no-deps redis" in next("redis")


def test_of_what_nothing_is_known_nothing_is_told(world: World) -> None:
    project, _ = resting(world)
    assert differences.look(project) == []


def test_what_a_comparison_reads_of_the_state_is_among_its_files(world: World) -> None:
    """Or a look that found nothing would be believed after one of them has changed."""
    project, _ = resting(world)
    found = comparing.files(project)
    assert found is not None
    assert {"started.json", "releases.json"} <= {path.name for path in found}
