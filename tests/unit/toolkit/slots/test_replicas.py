"""Replicas of a slot start, are proven and stop together, and it serves for as long as one of them does."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.unit.toolkit.support.engines import Listening, all_free
from tests.unit.toolkit.support.replicas import ReplicatedEngine, names, project_of, replicated
from tests.unit.toolkit.support.worlds import DRAIN, GREEN, NONE, READY, World
from tests.web_server import Web
from toolkit import slots
from toolkit.checks import hazards
from toolkit.commands import status as status_command
from toolkit.engine.compose import ComposeService
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.errors import Failed, Refused
from toolkit.observe import logs, overview
from toolkit.project import Project
from toolkit.release import rollback, up, up_green
from toolkit.release.images import Images

OLD, NEW = "1.6.7", "1.6.8"
BLUE, GREENS = names("blue"), names("green")


@pytest.fixture
def webs(world: World) -> Iterator[dict[str, Web]]:
    world.put("rest", READY, NONE)
    with replicated(world) as found:
        yield found


@pytest.fixture
def made(world: World, webs: dict[str, Web]) -> tuple[Project, ReplicatedEngine]:
    return project_of(world, webs, Listening(), is_free=all_free)


def test_only_the_one_that_is_missing_is_started(made: tuple[Project, ReplicatedEngine]) -> None:
    project, engine = made
    engine.there.discard("frontend-blue-2")
    assert not slots.serves(project, "blue", "9.9.9")
    slots.start(project, "blue", OLD)
    assert engine.asked == ["up frontend-blue-2"]
    slots.start(project, "blue", OLD)
    assert len(engine.asked) == 1


def test_one_that_fails_fails_the_start_with_its_own_name_and_log(
    made: tuple[Project, ReplicatedEngine],
) -> None:
    project, engine = made
    engine.there -= set(GREENS)
    engine.broken = {"frontend-green-3"}
    with pytest.raises(Failed, match="frontend-green-3 is not healthy") as caught:
        up_green.run(project, NEW)
    assert caught.value.detail == "log of frontend-green-3"
    assert engine.there.isdisjoint(GREENS), "the candidate is stopped with all of them"


def test_they_are_stopped_at_the_same_time(made: tuple[Project, ReplicatedEngine]) -> None:
    project, engine = made
    together, remove = threading.Barrier(3, timeout=10), engine.remove

    def wait_for_the_others(service: str, grace: float, keep: object = None) -> None:
        together.wait()
        remove(service, grace)

    engine.remove = wait_for_the_others  # type: ignore[method-assign]
    slots.stop(project, "green")
    assert engine.there.isdisjoint(GREENS)
    assert engine.there.issuperset(BLUE)


def test_a_slot_serves_partly_while_one_of_them_is_down(
    made: tuple[Project, ReplicatedEngine], webs: dict[str, Web]
) -> None:
    project, _ = made
    assert slots.standing(project, "blue", OLD) == slots.standing(project, "green", NEW)
    webs["frontend-blue-2"].answers["/healthz"] = (500, b"")
    found = slots.standing(project, "blue", OLD)
    assert found.partly == "2 of 3 up"
    assert found.trouble is not None
    assert found.trouble.seen.startswith("frontend-blue-2: answered status 500")
    with pytest.raises(Refused, match="blue is not healthy: frontend-blue-2"):
        up_green.run(project, NEW)
    for name in BLUE:
        webs[name].answers["/healthz"] = (500, b"")
    assert slots.standing(project, "blue", OLD).partly == ""


def test_status_says_how_many_are_up(
    world: World, made: tuple[Project, ReplicatedEngine], webs: dict[str, Web]
) -> None:
    project, engine = made
    view = overview.gather(project).slots["blue"]
    assert (view.health, view.container, view.replicas_passed_over) == ("healthy", "running", {})
    engine.there.discard("frontend-blue-3")
    webs["frontend-blue-3"].answers["/healthz"] = (500, b"")
    down = {"address": webs["frontend-blue-3"].address, "why": "timeout"}
    status = world.control.answers["/status"]
    assert callable(status)
    code, document = status()
    assert isinstance(document, dict)
    document["slots"]["blue"]["health"] = {"up": True, "since": 1.0, "why": None, "passed": [down]}
    world.control.answers["/status"] = (code, document)
    whole = overview.gather(project)
    view = whole.slots["blue"]
    assert (view.health, view.container) == ("2 of 3 up", "2 of 3 running")
    assert view.replicas_passed_over == {"frontend-blue-3": "timeout"}
    assert not view.is_down
    assert (view.advice or "").startswith("frontend-blue-3: ")
    said = list(status_command.remarks(whole, project.now()))
    assert any(line.startswith("blue has 2 of 3 up (frontend-blue-3: ") for line in said)
    webs["frontend-blue-3"].answers["/healthz"] = (200, {"version": OLD})
    said = list(status_command.remarks(overview.gather(project), project.now()))
    assert "the proxy passes over frontend-blue-3 (timeout); next: bgctl up" in said


def test_a_slot_that_is_named_has_the_lines_of_all(made: tuple[Project, ReplicatedEngine]) -> None:
    project, _ = made
    assert logs.services(project, "frontend-blue") == BLUE
    assert logs.services(project, "blue") == BLUE
    assert logs.services(project, "frontend-blue-3") == ["frontend-blue-3"]
    assert logs.services(project, "frontend") == [*BLUE, *GREENS]


def test_their_image_is_built_once(made: tuple[Project, ReplicatedEngine]) -> None:
    project, engine = made
    engine.builds = set(GREENS)
    assert Images(project, NEW).buildable == ["frontend-green"]


def test_one_with_another_image_is_refused(made: tuple[Project, ReplicatedEngine]) -> None:
    project, engine = made
    engine.images["frontend-green-2"] = f"other:{NEW}"
    with pytest.raises(
        Refused, match="frontend-green-2 has another image: it is a replica of frontend-green"
    ):
        up_green.run(project, NEW)


def test_a_rollback_goes_on_without_one_that_does_not_come_up(
    world: World, made: tuple[Project, ReplicatedEngine], webs: dict[str, Web]
) -> None:
    project, engine = made
    world.put("draining", DRAIN, GREEN, "drain")
    engine.there.discard("frontend-blue-2")
    engine.broken = {"frontend-blue-2"}
    webs["frontend-blue-2"].answers["/healthz"] = (404, b"")
    rollback.run(project, wait=False)
    assert world.state["slots"]["blue"]["state"] == "ready"
    assert isinstance(project.ui, Listening)
    assert "frontend-blue-2 is not healthy" in project.ui.warned[0]


@pytest.fixture
def left_over(made: tuple[Project, ReplicatedEngine]) -> Callable[[str, str], None]:
    """Puts a container there that bgctl.toml does not name."""
    _, engine = made
    there = engine.containers

    def put(service: str, image: str) -> None:
        extra = Container(service, Status("running", True), Settings(image, {SERVICE: service}))
        engine.there.add(service)
        engine.containers = lambda: {  # type: ignore[method-assign]
            **there(),
            **({service: extra} if service in engine.there else {}),
        }

    return put


def test_one_too_many_is_stopped(
    made: tuple[Project, ReplicatedEngine], left_over: Callable[[str, str], None]
) -> None:
    project, engine = made
    assert up.stop_surplus(project) == []
    left_over("frontend-blue-4", "x:1.6.6")
    assert slots.surplus(project, "blue") == ["frontend-blue-4"]
    assert slots.surplus(project, "green") == []
    (step,) = up.stop_surplus(project)
    step.do()
    assert engine.asked == ["remove frontend-blue-4"]


def test_a_service_that_is_only_called_like_one_is_left_alone(
    made: tuple[Project, ReplicatedEngine], left_over: Callable[[str, str], None]
) -> None:
    project, _ = made
    left_over("frontend-blue-4", "postgres:17")
    assert slots.surplus(project, "blue") == []


def test_what_is_told_of_the_first_is_not_told_of_all(made: tuple[Project, ReplicatedEngine]) -> None:
    project, engine = made
    engine.keeps = {"x:1": {"/var/lib/app"}}
    services = {name: ComposeService("x:1") for name in BLUE}
    found = engine.compose({})
    found.services.update(services)
    told = list(hazards.lost_data(project.engine, found, BLUE, project.compose_files))
    assert len(told) == 1
