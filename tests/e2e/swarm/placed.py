"""A project of the testbed whose services a swarm places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests

from testbed.cluster import Lab, Node
from testbed.cluster.waiting import eventually
from testbed.project import IMAGES
from testbed.project import Project as Folder
from toolkit.project import Project
from toolkit.release import folders
from toolkit.rendering import reload
from toolkit.swarm import joining
from toolkit.swarm.engine import SwarmEngine
from toolkit.terminal.ui import UI

OLD, NEW = "1.6.7", "1.6.8"
STATE = "/var/lib/docker/volumes/{project}_bgctl-state/_data"


class Placed:
    def __init__(self, lab: Lab, folder: Path, store: str) -> None:
        self.lab, self.nodes = lab, lab.nodes
        self.folder = Folder(folder, "placed", "swarm", store=store)
        self.folder.listen = f"0.0.0.0:{self.folder.ports.proxy}"
        self.folder.create()
        env = folder / ".env"
        text = env.read_text().replace("localhost/", f"{lab.registry.host}/")
        env.write_text(text.replace("REGISTRY_URL=localhost", f"REGISTRY_URL={lab.registry.host}"))
        self.project = self.bgctl()

    def bgctl(self) -> Project:
        """What each command of bgctl makes anew: nothing of the last one is known to it."""
        project = Project(self.folder.directory, UI(), "test")
        project.__dict__["engine"] = joining.join(project.config, project.root)
        return project

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
        env = self.project.env_of(OLD)
        for service in ("session-api", "frontend-blue", "proxy"):
            self.engine.up(service, env)
        self.route(blue=OLD)

    def render(self) -> None:
        reload.store(self.project, reload.wanted(self.project, anew=True)[0])

    def route(self, blue: str | None = None, green: str | None = None) -> None:
        """Writes the state into the volume of each node, as its agent does; waits until it is in force."""
        slots = {name: _slot(version) for name, version in (("blue", blue), ("green", green))}
        document = {
            "schemaVersion": 2,
            "generation": max(self._generation(node) for node in self.nodes) + 1,
            "updatedAt": "2026-01-15T10:30:00Z",
            "phase": "rest",
            "deployment": None,
            "slots": slots,
        }
        place = STATE.format(project=self.folder.name)
        for node in self.nodes:
            script = f"cat >{place}/new && mv {place}/new {place}/state.json"
            node.run("sh", "-c", script, stdin=json.dumps(document))
        for node in self.nodes:
            wanted = document["generation"]
            eventually(lambda n=node, w=wanted: self._generation(n) == w, f"{node.name} has the state")

    def _generation(self, node: Node) -> int:
        try:
            return int(self.status(node)["generation"] or 0)
        except RuntimeError:
            return 0

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

    def tasks(self, service: str) -> set[str]:
        """The ids of a service's containers, on all nodes."""
        label = f"label=com.docker.swarm.service.name={self.folder.name}_{service}"
        listed = [node.docker("ps", "--quiet", "--filter", label) for node in self.nodes]
        return set(" ".join(listed).split())


def _slot(version: str | None) -> dict[str, Any]:
    if version is None:
        return {"version": None, "state": "maint", "weight": 0}
    return {"version": version, "state": "ready", "weight": 100}
