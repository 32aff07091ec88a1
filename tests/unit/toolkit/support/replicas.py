"""A project with three containers in each slot, each an HTTP server of its own, and an engine for them."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.unit.toolkit.support.engines import VARIABLES, FakeEngine, project_on
from tests.unit.toolkit.support.worlds import World
from tests.web_server import Web
from toolkit.engine.compose import Compose, ComposeService
from toolkit.engine.engine import Keep
from toolkit.project import Project
from toolkit.terminal.ui import UI

REPLICAS = 3
ENDS = ("", *[f"-{number}" for number in range(2, REPLICAS + 1)])
VERSIONS = {"blue": "1.6.7", "green": "1.6.8"}


def names(slot: str) -> list[str]:
    return [f"frontend-{slot}{end}" for end in ENDS]


@contextmanager
def replicated(world: World) -> Iterator[dict[str, Web]]:
    """The servers by compose service. Blue's serve the old version, green's the new one."""
    path = world.root / "bgctl.toml"
    text = path.read_text().replace("replicas = 1 ", f"replicas = {REPLICAS} ")
    found: dict[str, Web] = {}
    try:
        for slot, old in (("blue", world.blue), ("green", world.green)):
            row = _row()
            text = text.replace(old.address, row[0].address)
            found |= dict(zip(names(slot), row, strict=True))
        path.write_text(text)
        for name, each in found.items():
            world.serve(each, VERSIONS[name.split("-")[1]])
        world.blue, world.green = found["frontend-blue"], found["frontend-green"]
        yield found
    finally:
        for each in found.values():
            each.stop()


def _row() -> list[Web]:
    """Servers at ports that follow one another."""
    while True:
        first, row = random.randrange(10000, 19000), []
        try:
            for number in range(REPLICAS):
                row.append(Web(first + number))
        except OSError:
            for each in row:
                each.stop()
        else:
            return row


class ReplicatedEngine(FakeEngine):
    """Starts and stops the containers of `webs`; `broken` ones come up and do not answer well."""

    def __init__(self, world: World, webs: dict[str, Web]) -> None:
        super().__init__(world)
        self.webs = webs
        self.slotted = set(webs)
        self.there = {"proxy", "session-api", *webs}
        self.broken: set[str] = set()

    def compose(self, env: Mapping[str, str]) -> Compose:
        found = {name: self._service(name, env) for name in ("proxy", "session-api")}
        return Compose(found | {name: self._replica(name, env) for name in self.webs})

    def _replica(self, name: str, env: Mapping[str, str]) -> ComposeService:
        version = env.get(VARIABLES[name.split("-")[1]], "")
        build = "." if name in self.builds else None
        return ComposeService(self.images.get(name, f"x:{version}"), "host", build=build)

    def up(self, service: str, env: Mapping[str, str], grace: float = 10, keep: Keep = None) -> None:
        super().up(service, env, grace)
        if service in self.webs:
            self.world.serve(self.webs[service], env[VARIABLES[service.split("-")[1]]])
        if service in self.broken:
            self.webs[service].answers["/healthz"] = (404, b"")

    def logs(self, service: str, lines: int = 20) -> str:
        return f"log of {service}"


def project_of(
    world: World, webs: dict[str, Web], ui: UI | None = None, **parts: Any
) -> tuple[Project, ReplicatedEngine]:
    engine = ReplicatedEngine(world, webs)
    return project_on(engine, ui, **parts), engine
