"""An engine without containers: it notes what is asked of it, and what it starts answers as it should."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.unit.toolkit.support.worlds import World
from toolkit.config.engines import ENGINES
from toolkit.engine.commands import Commands
from toolkit.engine.compose import Compose, ComposeService
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.engine.engine import Engine, Keep
from toolkit.engine.images import ImageFacts
from toolkit.errors import BgctlError
from toolkit.files import atomic
from toolkit.project import Project
from toolkit.terminal.ui import UI
from toolkit.values import Address

ID = 64  # digits of an image's id
VARIABLES = {"blue": "CURRENT_VERSION", "green": "VERSION"}


class FakeEngine:
    name, user, group, rootless, compose_command = "docker", "0:0", None, False, "docker-compose"
    kind, summary = ENGINES["docker"], "docker"

    def __init__(self, world: World) -> None:
        self.world = world
        self.slotted = {"frontend-blue", "frontend-green"}
        self.commands = Commands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env")
        self.there = {"proxy", "session-api", "frontend-blue", "frontend-green"}
        self.asked: list[str] = []
        self.open_then: list[tuple[int, int]] = []  # what blue had open when it was replaced
        self.images: dict[str, str] = {}  # by service, where it is not x:1
        self.builds: set[str] = set()  # services with a build:
        self.missing: set[str] = set()
        self.keeps: dict[str, set[str]] = {}  # by image: its VOLUMEs
        self.told = True  # whether the slots' containers are told their version
        self.comes_back: dict[str, bool] = {}  # by service: what was last said of it
        self.graces: dict[str, float] = {}  # by service: what it was last given to stop in
        self.services: dict[str, ComposeService] = {}  # by name, where one is more than an image
        self.ids: dict[str, str] = {}  # by name: the id of the image that has it, where ids matter
        self.digests: dict[str, str] = {}  # by digest: the id of the image that a registry has under it
        self.started: dict[str, str] = {}  # by service: the id of the image from which it was started
        self.runs: dict[str, str] = {}  # by service: the image it runs, where that is not the compose file's

    def troubles(self) -> Iterator[BgctlError]:
        yield from ()

    def inside(self, container: Container) -> str:
        return container.id

    def still(self) -> AbstractContextManager[None]:
        return nullcontext()

    def one_shots(self, service: str) -> list[Container]:
        return []

    def storage(self) -> dict[str, Path]:
        return {}

    def containers(self) -> dict[str, Container]:
        return {name: self._container(name) for name in self.there}

    def _container(self, name: str) -> Container:
        image = self.runs.get(name) or self.images.get(name, "x:1")
        image_id = self.started.get(name, "")
        return Container(name, Status("running", True), Settings(image, {SERVICE: name}), image_id=image_id)

    def all(self) -> list[Container]:
        return [self._container(name) for name in sorted(self.there)]

    def down(self, env: Mapping[str, str]) -> None:
        self.asked.append("down")

    def check_reach(self, image: str, built: bool) -> None:
        """There is one host."""

    def is_here(self, service: str) -> bool:
        return self.running(service)

    def running(self, service: str, env: Mapping[str, str] | None = None) -> bool:
        return service in self.there

    def dead(self, service: str) -> str | None:
        return None if service in self.there else "its container is gone"

    def keep_running(self, service: str, wanted: bool) -> None:
        if service in self.there:
            self.comes_back[service] = wanted

    def logs(self, service: str, lines: int = 20) -> str:
        return ""

    def compose(self, env: Mapping[str, str]) -> Compose:
        names = ("proxy", "session-api", "frontend-blue", "frontend-green")
        return Compose({name: self._service(name, env) for name in names})

    form = "docker-compose"

    def document(self, env: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self.compose(env))
        return found

    def _service(self, name: str, env: Mapping[str, str]) -> ComposeService:
        if name in self.services:
            return self.services[name]
        build = "." if name in self.builds else None
        told = {slot: {"APP_VERSION": env.get(key, "")} for slot, key in VARIABLES.items()}
        environment = told.get(name.rpartition("-")[2]) if self.told else None
        return ComposeService(self.images.get(name, "x:1"), "host", build=build, environment=environment)

    def has_image(self, image: str) -> bool:
        """An id is here while some name has it."""
        named = len(image) != ID or image in self.ids.values()
        return named and image not in self.missing

    def image_facts(self, image: str) -> ImageFacts | None:
        """By name, id or digest."""
        image_id = self.ids.get(image) or next((each for each in self.ids.values() if each == image), "")
        digests = [digest for digest, each in self.digests.items() if each == image_id]
        return ImageFacts(image_id, digests=digests) if image_id else None

    def image_id(self, image: str) -> str:
        return self.ids.get(image, "")

    def image_users(self, image_id: str) -> list[str]:
        return [name for name in sorted(self.there) if self.started.get(name) == image_id]

    def images_size(self) -> float | None:
        return None

    def tag(self, image: str, name: str) -> None:
        self.asked.append(f"tag {image} {name}")
        self.ids[name] = self.digests.get(image, image)
        self.missing.discard(name)

    def remove_image(self, name: str) -> None:
        self.asked.append(f"rmi {name}")
        self.ids.pop(name)
        self.missing.add(name)

    def pull(self, image: str) -> None:
        self.asked.append(f"pull {image}")
        self.missing.discard(image)

    def elsewhere(self) -> list[Container]:
        return []

    def of_project(self, name: str) -> list[Container]:
        return []

    def of_name(self, name: str) -> list[Container]:
        return []

    def volumes(self) -> set[str]:
        return set()

    def image_volumes(self, image: str) -> set[str]:
        return self.keeps.get(image, set())

    def push(self, image: str) -> None:
        self.asked.append(f"push {image}")

    def build(
        self, services: list[str], env: Mapping[str, str], tell: Callable[[str], None] | None = None
    ) -> None:
        self.asked.append(f"build {' '.join(services)} {env['VERSION']}")
        self.missing -= {self.images.get(name, "x:1") for name in services}

    def build_by_hand(self, services: list[str], env: Mapping[str, str]) -> str:
        return f"VERSION={env['VERSION']} docker-compose build {' '.join(services)}"

    def up(self, service: str, env: Mapping[str, str], grace: float = 10, keep: Keep = None) -> None:
        self.graces[service] = grace
        self.asked.append(f"up {service}")
        self.there.add(service)
        self.runs.pop(service, None)
        self.started[service] = self.ids.get(self._service(service, env).image, "")
        if service == "frontend-blue":
            self.open_then.append(self.world.open["blue"])
            self.world.serve(self.world.blue, env["CURRENT_VERSION"])
        if service == "frontend-green":
            self.world.serve(self.world.green, env["VERSION"])
        if service == "session-api":
            self.world.api.answers["/readyz"] = (200, b"")

    def remove(self, service: str, grace: float, keep: Keep = None) -> None:
        self.graces[service] = grace
        self.asked.append(f"remove {service}")
        self.there.discard(service)
        self.comes_back.pop(service, None)

    def exec(self, service: str, *argv: str) -> str:
        self.asked.append(f"exec {service} {argv[1]}")
        return ""

    def signal(self, service: str, signal: str) -> None:
        self.asked.append(f"signal {service} {signal}")


def project_on(engine: FakeEngine, ui: UI | None = None, **parts: Any) -> Project:
    """The project as the commands see it, on this engine. `parts` are other parts to hand in."""
    return Project(engine.world.root, ui or UI(), "test", engine=cast("Engine", engine), **parts)


def project_of(world: World, ui: UI | None = None, **parts: Any) -> tuple[Project, FakeEngine]:
    """The same on a new engine."""
    engine = FakeEngine(world)
    return project_on(engine, ui, **parts), engine


def all_free(address: Address) -> bool:
    """As if nothing listened at any address: the servers of a world are there before their containers."""
    return True


class Listening(UI):
    """Keeps what it warns of."""

    def __init__(self) -> None:
        super().__init__()
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


class Killed(BaseException):
    """kill -9: nothing is undone."""


class Hooked:
    """Counts what bgctl writes or asks an engine for, and kills it before or after the one numbered `at`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.at, self.after = 0, -1, False
        write = atomic.write
        monkeypatch.setattr(atomic, "write", lambda *a, **k: self.through(lambda: write(*a, **k)))

    def through(self, do: Callable[[], object]) -> object:
        mine, self.count = self.count, self.count + 1
        if mine == self.at and not self.after:
            raise Killed
        result = do()
        if mine == self.at:
            raise Killed
        return result

    def project_of(self, world: World) -> tuple[Project, FakeEngine]:
        engine = FakeEngine(world)
        return self.hook(engine), engine

    def hook(self, engine: FakeEngine, **parts: Any) -> Project:
        """A project on this engine."""
        for name in ("up", "remove", "build", "push", "pull", "down"):
            call = getattr(engine, name)
            hooked = lambda *a, call=call: self.through(lambda: call(*a))  # noqa: E731
            setattr(engine, name, hooked)
        return project_on(engine, **parts)
