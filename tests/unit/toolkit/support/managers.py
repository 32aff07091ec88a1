"""A project on a swarm whose containers are not there: its Redis is, and its folder on each manager."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from msgspec import Struct

from session_api.keys import signing_keys
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.engines import FakeEngine
from tests.unit.toolkit.support.worlds import World
from toolkit.engine.engine import Engine
from toolkit.errors import Failed
from toolkit.project import Project
from toolkit.terminal.ui import UI


class Node(Struct, frozen=True):
    name: str
    address: str = "127.0.0.1"
    ready: bool = True


class SwarmOfNames(FakeEngine):
    """`current` are the services in which nothing has changed."""

    def __init__(self, world: World, *names: str) -> None:
        super().__init__(world)
        self.nodes = [Node(name) for name in names]
        self.current: set[str] = set()
        self.complaint = ""  # of what is tried out

    def hosts(self) -> Sequence[Node]:
        return self.nodes

    def is_current(self, service: str, env: Mapping[str, str]) -> bool:
        return service in self.current

    def try_out(self, image: str, folder: Path, target: str, *argv: str) -> str:
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        self.asked.append(f"try {image} {target} {' '.join(argv)}: {', '.join(found)}")
        if self.complaint:
            raise Failed("docker failed with exit code 1", self.complaint)
        return ""


class Managers:
    """Each manager has the project's folder; the first one's is the world's, with keys."""

    def __init__(self, world: World, server: RedisServer, *nodes: str) -> None:
        self.engine = SwarmOfNames(world, *nodes)
        self.first = world.root
        path = world.root / "bgctl.toml"
        path.write_text(re.sub(r'engine = "\w+"', 'engine = "swarm"', path.read_text()))
        with (world.root / ".env").open("a") as env:
            env.write(f"\nBGCTL_STORE={server.address.url}\n")
        signing_keys.create(world.root / "keys")

    def another(self, folder: Path) -> Path:
        """The folder of another manager: a copy of what the first one has now."""
        shutil.copytree(self.first, folder)
        for name in ("state", "proxy"):
            shutil.rmtree(folder / name, ignore_errors=True)
        return folder

    def bgctl(self, folder: Path | None = None, command: str = "up") -> Project:
        """What a command makes anew that is typed in that folder."""
        return Project(folder or self.first, UI(), command, engine=cast("Engine", self.engine))
