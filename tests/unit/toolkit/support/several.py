"""A project of three services with two slots: a frontend that is a pair, an api and a worker that are not."""

from collections.abc import Mapping
from typing import Any

from tests.unit.toolkit.support.engines import FakeEngine, project_on
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.engine.compose import Compose, ComposeService
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.project import Project

A, B, C = (letter * 64 for letter in "abc")
SERVICES = """
[services.api]
routes = ["/api/"]
health = "/healthz"
port = 8000
blue = "127.0.0.1:18391"
green = "127.0.0.1:18392"

[services.worker]
routes = []
health = "container"

[health]
"""
NAMES = [f"{name}-{slot}" for name in ("frontend", "api", "worker") for slot in ("blue", "green")]


class Engine(FakeEngine):
    """Three services with two slots, each with an image of its own for each version; blue's run."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.there = {"proxy", "session-api", *[name for name in NAMES if name.endswith("blue")]}
        self.started = {"frontend-blue": A, "api-blue": B, "worker-blue": C}
        self.ids = {"frontend:1.6.7": A, "api:1.6.7": B, "worker:1.6.7": C}
        self.needs: dict[str, list[str]] = {}

    def compose(self, env: Mapping[str, str]) -> Compose:
        versions = {"blue": env["CURRENT_VERSION"], "green": env["VERSION"]}
        found = {name: self._service(name, env) for name in ("proxy", "session-api")}
        for name in NAMES:
            service, slot = name.split("-")
            needs = [f"{other}-{slot}" for other in self.needs.get(service, [])]
            image = self.images.get(service, service)
            found[name] = ComposeService(f"{image}:{versions[slot]}", "host", depends_on=needs)
        return Compose(found)

    def document(self, env: Mapping[str, str] | None) -> dict[str, Any]:
        """As it is written: the frontend is a pair, and of the others bgctl makes one."""
        if env is not None:
            return super().document(env)
        return {"services": {name: {} for name in ("frontend-blue", "frontend-green", "api", "worker")}}

    def _container(self, name: str) -> Container:
        image = self.runs.get(name, f"{name.split('-')[0]}:1.6.7")
        settings = Settings(image, {SERVICE: name})
        return Container(name, Status("running", True), settings, image_id=self.started.get(name, ""))


def project_of(world: World, **frontend: str) -> tuple[Project, Engine]:
    """At rest on 1.6.7. `frontend`: further settings of that service."""
    path = world.root / "bgctl.toml"
    told = "".join(f"{key} = {value}\n" for key, value in frontend.items())
    text = path.read_text().replace("[health]\n", SERVICES, 1)
    path.write_text(text.replace("[services.frontend]\n", f"[services.frontend]\n{told}", 1))
    world.put("rest", READY, NONE)
    engine = Engine(world)
    return project_on(engine), engine
