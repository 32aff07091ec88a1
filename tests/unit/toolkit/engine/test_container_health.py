"""`health = "container"` of services that have an address: the engine's word counts, and nobody asks them."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.unit.toolkit.support.engines import FakeEngine, project_of
from tests.unit.toolkit.support.worlds import DRAIN, GREEN, NONE, READY, World
from toolkit import config, slots
from toolkit.engine import container_health
from toolkit.engine.container import Checked, Container, Health, HealthCheck, Status
from toolkit.errors import Failed, Refused
from toolkit.health import check
from toolkit.project import Project
from toolkit.release import rollback, up_green
from toolkit.rendering import settings_json

EXAMPLE = (Path(__file__).parents[4] / "bgctl.example.toml").read_text()
BY_ENGINE = (
    ('health = "/healthz" ', 'health = "container" '),
    ('version = "json" ', 'version = "image" '),
)
CHECK = HealthCheck(["CMD", "true"], interval=1)


def replaced(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


class Checking(FakeEngine):
    """Containers with a HEALTHCHECK; `says` what it comes to, by service."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.says: dict[str, list[str]] = {}
        self.looked = 0

    def _container(self, name: str) -> Container:
        found = super()._container(name)
        said = self.says.get(name)
        if not said:
            return found
        word = said.pop(0) if len(said) > 1 else said[0]
        health = Health(word, [Checked("no route to db\n")])
        return replace(
            found,
            state=Status("running", True, health=health),
            config=replace(found.config, healthcheck=CHECK),
        )

    def look(self, service: str) -> Container | None:
        self.looked += 1
        return self._container(service) if service in self.there else None


def checked_project(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, Checking]:
    monkeypatch.setattr(container_health, "STEADY", 0.0)
    path = world.root / "bgctl.toml"
    path.write_text(replaced(path.read_text(), *BY_ENGINE))
    for web in (world.blue, world.green):
        web.answers.clear()  # nothing says how it is by HTTP
    project, _ = project_of(world)
    engine = Checking(world)
    engine.images = {"frontend-blue": "web:1.6.7", "frontend-green": "web:1.6.8"}
    project.__dict__["engine"] = engine
    return project, engine


def test_the_engine_can_say_how_any_service_is() -> None:
    shared = ('health = "/readyz"', 'health = "container"')
    found = config.parse(replaced(EXAMPLE, *BY_ENGINE, shared))
    assert check.of(found, "frontend", "blue").by_engine
    assert check.of(found, "session-api").by_engine
    assert settings_json.peers(found) == []
    assert msgspec.json.decode(settings_json.render(found))["peers"] == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (BY_ENGINE[:1], "services.frontend.version: is read from an answer"),
        (
            (*BY_ENGINE, ('health_host = ""', 'health_host = "shop.example"')),
            "services.frontend.health_host: is for a health path",
        ),
    ],
)
def test_what_is_read_from_an_answer_needs_one(change: tuple[tuple[str, str], ...], complaint: str) -> None:
    with pytest.raises(Refused, match=rf"bgctl\.toml:[0-9]+: {re.escape(complaint)}"):
        config.parse(replaced(EXAMPLE, *change))


def test_a_candidate_is_waited_for_and_started_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("rest", READY, NONE)
    project, engine = checked_project(world, monkeypatch)
    engine.there.discard("frontend-green")
    monkeypatch.setattr(slots, "check_port", lambda *_: None)
    monkeypatch.setattr(slots, "watch_idle", lambda *_, **__: _Nothing())
    engine.says = {"frontend-green": ["starting", "starting", "healthy"]}
    up_green.run(project, "1.6.8")
    assert world.state["phase"] == "candidate"
    assert engine.asked.count("up frontend-green") == 1
    engine.asked.clear()
    engine.says = {"frontend-green": ["starting", "starting", "starting", "healthy"]}
    slots.start(project, "green", "1.6.8")
    assert engine.asked == []


def test_a_check_that_fails_is_told_in_its_own_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    project, engine = checked_project(world, monkeypatch)
    engine.says = {"frontend-green": ["unhealthy"]}
    told = "frontend-green: its HEALTHCHECK fails: no route to db"
    assert slots.fault(project, "green", "1.6.8") == told
    with pytest.raises(Failed, match="frontend-green is not healthy"):
        slots.prove_by_engine(_impatient(project), "frontend-green")


def test_another_image_is_another_version(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    project, engine = checked_project(world, monkeypatch)
    engine.runs = {"frontend-green": "web:1.6.6"}
    assert "runs web:1.6.6, wanted web:1.6.8" in (slots.fault(project, "green", "1.6.8") or "")
    assert slots.serves(project, "blue", "1.6.7")


def test_a_silent_engine_keeps_nobody_from_going_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    project, engine = checked_project(world, monkeypatch)
    silent: Callable[..., object] = lambda *_: _silence()  # noqa: E731
    for name in ("look", "containers", "all"):
        monkeypatch.setattr(engine, name, silent)
    assert slots.serves(project, "blue", "1.6.7")
    rollback.run(project, wait=False)
    assert world.state["slots"]["blue"]["state"] == "ready"
    world.blue.stop()
    assert not slots.serves(project, "blue", "1.6.7")


def _silence() -> object:
    raise Failed("docker does not answer", "timed out")


def _impatient(project: Project) -> Project:
    project.config = replace(project.config, health=replace(project.config.health, timeout=0.0, interval=0.0))
    return project


class _Nothing:
    def wait(self) -> list[str]:
        return []
