"""A project on each node of a lab, with all sessions in one Redis, and a release that is typed on each node.

Each node is a host as it is today, with a state of its own. So this may switch, because both versions are
served at all nodes before, but it must not promote: that has to happen everywhere at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from testbed.cluster import Lab, Node
from testbed.cluster.redis import Redis
from testbed.ports import Ports
from testbed.project import BGCTL, IMAGES, Project

PLACE = Path("/srv/shop")  # on each node
PARTS = ("bgctl.toml", ".env", "compose.yaml", "keys")  # what hosts have in common
OLD, NEW = "1.6.7", "1.6.8"
NEEDED = [
    f"localhost/{IMAGES}/{name}"
    for name in ("proxy:dev", "session-api:dev", f"demo-app:{OLD}", f"demo-app:{NEW}")
]
PORTS = Ports()


class Hosts:
    """The nodes of a lab as hosts that know nothing of each other."""

    def __init__(self, lab: Lab, store: Redis) -> None:
        self._nodes, self._registry, self._store = lab.nodes, lab.registry.host, store
        self.addresses = [node.address for node in lab.nodes]
        self.url = f"http://shop.example:{PORTS.proxy}"

    def up(self) -> None:
        """OLD is served at each. They have one set of keys, or they would not know each other's sessions."""
        first, *others = self._nodes
        self._create(_folder(first))
        self._bgctl(first, "up")
        for node in others:
            for part in PARTS:
                source, copy = _folder(first) / part, _folder(node) / part
                copy.parent.mkdir(exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy)
            self._bgctl(node, "up")

    def everywhere(self, *arguments: str) -> None:
        """The same command of bgctl on each node, one after the other."""
        for node in self._nodes:
            self._bgctl(node, *arguments)

    def first(self, *arguments: str) -> None:
        """A command of bgctl on the first node alone."""
        self._bgctl(self._nodes[0], *arguments)

    def _create(self, folder: Path) -> None:
        listen = f"0.0.0.0:{PORTS.proxy}"  # of the node's network, which only this machine reaches
        Project(folder, "shop", ports=PORTS, listen=listen, store=self._store.url).create()
        env = folder / ".env"
        text = env.read_text().replace("REGISTRY_URL=localhost", f"REGISTRY_URL={self._registry}")
        env.write_text(text.replace("localhost/", f"{self._registry}/"))

    @staticmethod
    def _bgctl(node: Node, *arguments: str) -> None:
        node.run(str(BGCTL), "--project", str(PLACE), *arguments)


def _folder(node: Node) -> Path:
    """The project of a node, as this machine sees it."""
    return node.folder / PLACE.relative_to("/")
