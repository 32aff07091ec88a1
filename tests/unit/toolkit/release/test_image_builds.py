"""What is not here and can be built is built: by `up`, before anything starts, and with no key in it."""

import pytest

from tests.unit.toolkit.support.engines import FakeEngine, project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit import slots
from toolkit.checks import preflight
from toolkit.checks.looks import Looks
from toolkit.clock import Clock
from toolkit.engine.compose import ComposeService
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.release import farewell, image_builds, up
from toolkit.release.farewell import following
from toolkit.release.images import Images


def built_here(world: World, blue: str = "shop-frontend:1.6.7") -> tuple[Project, FakeEngine]:
    """Blue's image is not here, and the compose file says how to make it."""
    project, engine = project_of(world)
    world.blue.stop()
    engine.images, engine.missing, engine.builds = {"frontend-blue": blue}, {blue}, {"frontend-blue"}
    return project, engine


@pytest.mark.threat(95)
def test_95_up_builds_what_is_missing_before_anything_starts(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = built_here(world)
    steps = up.steps(project)
    assert [step.name for step in steps][:2] == ["build", "keys"]
    assert steps[0].do() == "built shop-frontend:1.6.7"
    assert engine.asked == ["build frontend-blue 1.6.7"], "nothing is pulled: no registry has it"
    assert next(step.name for step in up.steps(project)) == "keys", "there is nothing to build any more"


@pytest.mark.threat(95)
def test_95_what_runs_well_is_not_built_though_its_image_has_gone(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    engine.images, engine.missing = {"frontend-blue": "shop-frontend:1.6.7"}, {"shop-frontend:1.6.7"}
    engine.builds = {"frontend-blue"}
    assert next(step.name for step in up.steps(project)) == "keys"
    assert engine.asked == []


@pytest.mark.threat(95)
def test_95_a_build_of_what_has_served_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("rest", READY, NONE)
    project, _ = built_here(world)
    up.steps(project)
    assert "shop-frontend:1.6.7: not here any more, and built of the code in" in capsys.readouterr().err


@pytest.mark.threat(95)
def test_95_a_dry_run_says_the_build_and_a_registry_is_asked_first(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = built_here(world, "registry.example/frontend:1.6.7")
    assert up.steps(project, pull=False)[0].what == "build registry.example/frontend:1.6.7, not here yet"
    assert engine.asked == []
    assert next(step.name for step in up.steps(project)) == "keys"
    assert engine.asked == ["pull registry.example/frontend:1.6.7"]


@pytest.mark.threat(95)
def test_95_what_a_registry_does_not_have_is_built(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("rest", READY, NONE)
    project, engine = built_here(world, "registry.example/frontend:1.6.7")

    def pull(image: str) -> None:
        raise Failed(f"{image} could not be pulled", "manifest unknown")

    monkeypatch.setattr(engine, "pull", pull)
    assert next(step.name for step in up.steps(project)) == "build"


@pytest.mark.threat(95)
def test_95_what_is_shared_is_built_when_its_turn_comes(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    engine.images, engine.missing, engine.builds = {"session-api": "api:1"}, {"api:1"}, {"session-api"}
    image_builds.provide(project, engine.compose({}), "session-api", project.compose_env("1.6.7", "1.6.7"))
    assert engine.asked == ["build session-api 1.6.7"]


@pytest.mark.threat(95)
def test_95_doctor_says_that_up_will_build(world: World) -> None:
    world.put("rest", READY, NONE)
    project, _ = built_here(world)
    looks = Looks()
    preflight.Preflight(project, ("1.6.7", "1.6.7"), ["proxy", "frontend-blue"]).take(looks)
    (found,) = [each for each in looks.findings if each.check == "images"]
    assert (found.result, found.seen) == ("ok", "1 images are here; bgctl up builds shop-frontend:1.6.7")


def test_a_release_with_keys_in_the_context_is_refused(world: World) -> None:
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    engine.builds = {"frontend-green"}
    (world.root / ".dockerignore").write_text("state\ndata\nproxy\n")
    with pytest.raises(Refused, match="an image of frontend-green would hold keys/") as caught:
        Images(project, "1.6.8").check_context()
    assert caught.value.next == f"printf '\\nkeys\\n' >> {world.root}/.dockerignore"
    (world.root / ".dockerignore").write_text("keys\n")
    Images(project, "1.6.8").check_context()


def test_a_first_build_has_no_keys_to_take_along(world: World) -> None:
    project, engine = built_here(world)
    (world.root / ".dockerignore").unlink()
    with pytest.raises(Refused, match="would hold keys/"):
        image_builds.check_context(project, engine.compose({}), ["frontend-blue"])
    (project.keys_dir / "admin.key").unlink()
    image_builds.check_context(project, engine.compose({}), ["frontend-blue"])


def test_services_that_share_an_image_are_built_once(world: World) -> None:
    project, engine = project_of(world)
    both = ComposeService("app:1", build=".")
    engine.services = {"frontend-blue": both, "frontend-green": both}
    engine.missing = {"app:1"}
    found = engine.compose({})
    assert image_builds.missing(project, found, ["frontend-blue", "frontend-green", "proxy"]) == [
        "frontend-blue"
    ]


@pytest.mark.parametrize(
    ("version", "next"),
    [
        ("1", "2"),
        ("1.6.7", "1.6.8"),
        ("1.9", "1.10"),
        ("main", ""),
        ("2024-11", ""),
        ("4711815", ""),
        ("", ""),
    ],
)
def test_the_number_after_a_version(version: str, next: str) -> None:
    assert following(version) == next


def test_up_ends_with_where_the_app_is(world: World) -> None:
    world.put("rest", READY, NONE)
    project, _ = project_of(world)
    assert (
        farewell.words(project)
        == "shop 1.6.7 is at http://127.0.0.1:8080; the next release: bgctl deploy 1.6.8"
    )


def test_who_does_not_end_on_sigterm_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("rest", READY, NONE)
    now = [0.0]
    project, engine = project_of(world, clock=Clock(monotonic=lambda: now[0]))
    monkeypatch.setattr(project, "grace", lambda name: 10.0)
    slots.stop(project, "green")
    assert capsys.readouterr().err == ""
    remove = engine.remove

    def hang(service: str, grace: float, keep: object = None) -> None:
        now[0] += grace
        remove(service, grace)

    monkeypatch.setattr(engine, "remove", hang)
    slots.stop(project, "green")
    assert "frontend-green was killed after 10 s" in (said := capsys.readouterr().err)
    assert "init: true" in said
