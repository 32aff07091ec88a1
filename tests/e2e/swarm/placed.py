"""A project of the testbed whose services a swarm places."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import requests

from session_api.cluster.document import Document
from session_api.cluster.document import encode as encode_document
from session_api.cluster.keys import Keys
from testbed.cluster import Lab, Node
from testbed.cluster.node import NodeError
from testbed.cluster.redis import Redis
from testbed.cluster.waiting import eventually
from testbed.project import IMAGES
from testbed.project import Project as Folder
from toolkit.project import Project
from toolkit.release import folders
from toolkit.rendering import reload
from toolkit.state.document import SCHEMA, Slots, State, encode, maint, ready
from toolkit.swarm.engine import SwarmEngine
from toolkit.swarm.layout import AGENT
from toolkit.terminal.ui import UI

OLD, NEW = "1.6.7", "1.6.8"
MIGRATE = """\
services:
  migrate:
    image: {image}
    entrypoint: [sh, -c, "echo migrated for $$BGCTL_VERSION; exit 3"]
"""
FENCE = 1


class Placed:
    def __init__(self, lab: Lab, folder: Path, redis: Redis) -> None:
        self.lab, self.nodes, self.redis = lab, lab.nodes, redis
        self.folder = Folder(folder, "placed", "swarm", store=redis.url)
        self.folder.listen = f"0.0.0.0:{self.folder.ports.proxy}"
        self.folder.create()
        env = folder / ".env"
        text = env.read_text().replace("localhost/", f"{lab.registry.host}/")
        env.write_text(text.replace("REGISTRY_URL=localhost", f"REGISTRY_URL={lab.registry.host}"))
        (folder / "compose.override.yaml").write_text(MIGRATE.format(image=self.image(OLD)))
        self.project = self.bgctl()

    def bgctl(self) -> Project:
        """What each command of bgctl makes anew: nothing of the last one is known to it."""
        project = Project(self.folder.directory, UI(), "test")
        assert isinstance(project.engine, SwarmEngine)
        return project

    @property
    def keys(self) -> Keys:
        """The names of what the project has in Redis."""
        return Keys(self.folder.name)

    @property
    def engine(self) -> SwarmEngine:
        found = self.project.engine
        assert isinstance(found, SwarmEngine)
        return found

    def image(self, version: str) -> str:
        return f"{self.lab.registry.host}/{IMAGES}/demo-app:{version}"

    def begin(self) -> None:
        """Keys, the proxy's configuration, and all services on OLD."""
        folders.make_keys(self.project)
        folders.make_folders(self.project)
        self.render()
        self.start()
        self.route(blue=OLD)

    def start(self) -> None:
        env = self.project.env_of(OLD)
        for service in (AGENT, "session-api", "frontend-blue", "proxy"):
            self.engine.up(service, env)
        for node in self.nodes:
            answers = partial(self.status, node)
            eventually(answers, f"the proxy of {node.name} answers", unless=(NodeError,))

    def render(self) -> None:
        reload.store(self.project, reload.wanted(self.project, anew=True)[0])

    def route(self, blue: str | None = None, green: str | None = None) -> None:
        """Publishes the state; waits until it is in force on each node."""
        generation = max(0, *(self.generation(node) for node in self.nodes)) + 1
        document = Document(FENCE, self.state(generation, blue, green))
        self.redis.client.set(self.keys.document, encode_document(document))
        for node in self.nodes:
            in_force = partial(self.serves, node, generation)
            eventually(in_force, f"the state is in force on {node.name}")

    def state(self, generation: int, blue: str | None = None, green: str | None = None) -> str:
        """The text of state.json in which these versions serve."""
        slots = Slots(*(ready(each) if each else maint(None) for each in (blue, green)))
        now = State(SCHEMA, generation, "2026-01-15T10:30:00Z", "rest", None, slots)
        return encode(now).decode()

    def serves(self, node: Node, generation: int) -> bool:
        """Whether its proxy has the state in all its workers, and finds the slots well."""
        return self.generation(node) == generation and self.version(node) is not None

    def generation(self, node: Node) -> int:
        """That of the state in force there, 0 without one; -1: the proxy does not answer."""
        try:
            return int(self.status(node)["generation"] or 0)
        except NodeError:
            return -1

    def status(self, node: Node) -> dict[str, Any]:
        """What the control listener of a node's proxy says: it is on loopback there."""
        said: dict[str, Any] = json.loads(node.run("curl", "-s", f"{self.folder.control_url}/status"))
        return said

    def version(self, node: Node) -> str | None:
        """Which version answers somebody new there; None: none does."""
        try:
            answer = requests.get(f"http://{node.address}:{self.folder.ports.proxy}/", timeout=5)
        except requests.ConnectionError:
            return None
        return answer.headers.get("X-Deployment-Version") if answer.ok else None

    def versions(self) -> list[str | None]:
        return [self.version(node) for node in self.nodes]

    def contents(self) -> set[str]:
        """The names of the swarm's secrets and configs."""
        listed = [self.lab.swarm.docker(kind, "ls", "--format", "{{.Name}}") for kind in ("secret", "config")]
        return set(" ".join(listed).split())

    def tasks(self, service: str) -> set[str]:
        """The ids of a service's containers, on all nodes."""
        label = f"label=com.docker.swarm.service.name={self.folder.name}_{service}"
        listed = [node.docker("ps", "--quiet", "--filter", label) for node in self.nodes]
        return set(" ".join(listed).split())


class Watch:
    """Asks both nodes in turn, for as long as something is done to them."""

    def __init__(self, placed: Placed) -> None:
        self.nobody = 0  # how often no node answered
        self._placed, self._over = placed, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            self.nobody += not any(self._placed.versions())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
