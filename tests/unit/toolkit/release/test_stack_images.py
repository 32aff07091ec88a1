"""bgctl's own images: `up` makes those that are missing or of another bgctl, and touches no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.toolkit.support.engines import FakeEngine, all_free, project_of
from tests.unit.toolkit.support.shelves import Kept, Shelf
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.checks import preflight
from toolkit.checks.looks import Looks
from toolkit.engine.compose import ComposeService
from toolkit.errors import Failed
from toolkit.images import catalogue, make, places
from toolkit.images.engine import LABEL
from toolkit.project import Project
from toolkit.release import make_images, stack_images, up
from toolkit.release.steps import Step
from toolkit.terminal.ui import UI

PROXY, API = catalogue.PROXY, catalogue.SESSION_API


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """The engine's images: the bases, and none of ours yet."""
    found = Shelf()
    for image in catalogue.IMAGES:
        found.put_base(image.base)
    monkeypatch.setattr(places, "root", lambda: tmp_path / "cache")
    monkeypatch.setattr(stack_images, "Engine", lambda name, report: found)
    monkeypatch.setattr(make_images, "Engine", lambda name, report: found)
    monkeypatch.setattr(make, "lay_out", lambda image, report: tmp_path)  # what pip fetches is not looked at
    return found


@pytest.fixture
def started(world: World) -> tuple[Project, FakeEngine]:
    world.put("rest", READY, NONE)
    return named(world)


def named(world: World) -> tuple[Project, FakeEngine]:
    """A project whose compose file names proxy and session API as the shipped one does."""
    project, engine = project_of(world, is_free=all_free)
    engine.images = {"proxy": PROXY.name, "session-api": API.name}
    engine.image_id = lambda image: ""  # type: ignore[method-assign]  # as of every container here
    return project, engine


def first(project: Project) -> Step:
    return up.steps(project)[0]


def old(shelf: Shelf, *images: catalogue.Image) -> None:
    """These are here, and another bgctl has made them."""
    for image in images:
        shelf.shelf[image.name] = Kept("old", {LABEL: "of another"})


def test_what_is_missing_is_made_before_anything_else(
    started: tuple[Project, FakeEngine], shelf: Shelf
) -> None:
    project, engine = started
    engine.missing = {PROXY.name, API.name}
    step = first(project)
    assert (step.name, step.needed()) == ("images", True)
    assert step.do() == f"made {PROXY.name}, {API.name}"
    assert shelf.built == [PROXY.name, API.name]
    assert not first(project).needed()


def test_nothing_of_that_is_refused_beforehand_or_pulled(world: World, shelf: Shelf) -> None:
    """Also where nothing has been started yet: no registry has these images."""
    project, engine = named(world)
    engine.missing, engine.there = {PROXY.name, API.name}, set()
    world.blue.stop()
    assert first(project).name == "images"
    assert engine.asked == []


def test_an_image_of_another_bgctl_is_made_anew_and_that_is_said(
    started: tuple[Project, FakeEngine], shelf: Shelf
) -> None:
    make.make(shelf, [API])
    old(shelf, PROXY)
    step = first(started[0])
    assert step.what == f"make {PROXY.name}: not here, or made by another bgctl"
    assert step.do() == f"made {PROXY.name} (was of another bgctl)"


def test_an_image_of_the_operator_is_left_alone(started: tuple[Project, FakeEngine], shelf: Shelf) -> None:
    project, engine = started
    engine.images = {"proxy": "registry.example/proxy:1", "session-api": "localhost/theirs/session-api:dev"}
    assert first(project).name == "keys"
    assert shelf.built == []


def test_redis_is_made_where_the_store_is_bgctl_s_own(
    started: tuple[Project, FakeEngine], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine = started
    env = project.blue_env()
    compose = engine.compose(env)
    told = ComposeService(API.name, "host", environment={"BGCTL_STORE": "redis://redis:6379/0"})
    services = {**compose.services, "session-api": told, "redis": ComposeService(catalogue.REDIS.name)}
    with_store = type(compose)(services)
    (step,) = stack_images.steps(project, with_store, set)
    step.do()
    assert shelf.built == [PROXY.name, API.name, catalogue.REDIS.name]


@pytest.mark.threat(95)
def test_95_what_has_served_comes_back_though_images_cannot_be_made(
    started: tuple[Project, FakeEngine], shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an update of bgctl, say, on a machine that has lost its registry."""
    old(shelf, PROXY, API)
    shelf.broken = True
    assert first(started[0]).do() == "could not be made; what is here stays in use"
    assert f"warning: {PROXY.name} could not be built" in capsys.readouterr().err


def test_without_the_proxy_s_image_it_cannot(started: tuple[Project, FakeEngine], shelf: Shelf) -> None:
    project, engine = started
    shelf.broken, engine.missing = True, {PROXY.name}
    engine.there -= {"proxy"}
    with pytest.raises(Failed, match=f"{PROXY.name} could not be built"):
        first(project).do()


def test_at_the_first_start_they_have_to_be_of_this_bgctl(world: World, shelf: Shelf) -> None:
    project, engine = named(world)
    old(shelf, PROXY, API)
    shelf.broken = True
    (step,) = stack_images.steps(project, engine.compose(project.env_of("1.6.7")), set)
    with pytest.raises(Failed):
        step.do()


def test_what_runs_on_an_image_from_before_is_named_with_the_command(
    started: tuple[Project, FakeEngine], shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = started
    make.make(shelf, [PROXY, API])
    engine.image_id = lambda image: "new" if image == API.name else ""  # type: ignore[method-assign]
    up.steps(project)
    said = capsys.readouterr().err
    assert "session-api runs an image from before, until stopped once; next, in a quiet minute:" in said
    assert "docker stop session-api; bgctl up" in said
    assert "not served" not in said, "people do not notice a session API that is away"


@pytest.mark.threat(95)
def test_95_doctor_names_an_image_of_another_bgctl(
    started: tuple[Project, FakeEngine], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = started
    monkeypatch.setattr("toolkit.images.engine.Engine", lambda name, report: shelf)
    make.make(shelf, [API])
    old(shelf, PROXY)
    looks = Looks()
    preflight.Preflight(project, ("1.6.7", "1.6.8"), ["proxy", "session-api"], probe=True).take(looks)
    (found,) = [each for each in looks.findings if each.check == "images"]
    assert found.result == "warn"
    assert f"{PROXY.name} is of other sources" in found.seen
    assert found.next == "bgctl up"


def test_the_command_makes_what_is_missing_and_then_nothing(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_images.run("docker", [PROXY, API], UI(), dry_run=True) == []
    assert f"plan proxy          make {PROXY.name}" in capsys.readouterr().out
    assert make_images.run("docker", [PROXY, API], UI()) == [PROXY.name, API.name]
    assert f"  ok session-api    {API.name} is made" in capsys.readouterr().out
    assert make_images.run("docker", [PROXY, API], UI()) == []
    assert f"   - proxy          {PROXY.name} is here, and of this bgctl" in capsys.readouterr().out
