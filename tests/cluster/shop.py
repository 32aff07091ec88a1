"""A project in a lab: its folder is on one node, where its commands are typed. A swarm places it on all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from testbed.cluster import Lab, Node
from testbed.cluster.node import NodeError
from testbed.cluster.redis import Redis
from testbed.ports import Ports
from testbed.project import BGCTL, IMAGES, Project

PLACE = Path("/srv/shop")  # on the manager
OLD, NEW = "1.6.7", "1.6.8"
NEEDED = [
    f"localhost/{IMAGES}/{name}"
    for name in ("proxy:dev", "session-api:dev", f"demo-app:{OLD}", f"demo-app:{NEW}")
]
PORTS = Ports()
FAULTY = re.compile(r"\[(warn|error|crit|alert|emerg)\]")  # lines of nginx's log
ENDED = " is up again: "  # a container that was down
# A slot that is stopped resets the health checks that it has accepted (docs/decisions/0017).
CUT_OFF = re.compile(r"recv\(\) failed \(104: Connection reset by peer\), context: ngx\.timer")
IDLE = "10s"  # after which a visitor who has gone is not waited for
BALANCER = {"balancer_path": "/bgctl-health", "balancer_notice": "2s"}
SECONDS = 300.0  # for a command of bgctl


class Shop:
    """`addresses` are those of its nodes, at each of which it is reached, at the port of `url`."""

    def __init__(self, lab: Lab, manager: Node, store: Redis) -> None:
        self.lab, self.manager, self.store = lab, manager, store
        self.addresses = [node.address for node in lab.nodes]
        self.url = f"http://shop.example:{PORTS.proxy}"
        self.folder = manager.folder / PLACE.relative_to("/")  # as this machine sees it

    def create(self, engine: str = "swarm", store: str | None = None) -> Self:
        """Writes its files. `store` is BGCTL_STORE, "" for none, and the Redis if nothing is said."""
        Project(
            self.folder,
            "shop",
            engine,
            ports=PORTS,
            listen=f"0.0.0.0:{PORTS.proxy}",  # of each node's network, which only this machine reaches
            store=self.store.url if store is None else store,
            idle_timeout=IDLE,
            proxy_more=BALANCER,
        ).create()
        registry = self.lab.registry.host
        self.edit(".env", "REGISTRY_URL=localhost", f"REGISTRY_URL={registry}")
        self.edit(".env", "localhost/", f"{registry}/")
        return self

    def edit(self, name: str, old: str, new: str) -> None:
        """Changes a text wherever a file of the project has it."""
        text = (self.folder / name).read_text()
        assert old in text, f"{name} has no {old}"
        (self.folder / name).write_text(text.replace(old, new))

    def copied(self, node: Node, *without: str) -> Shop:
        """The same project, typed on another node, in a copy of the folder as it is now."""
        other = Shop(self.lab, node, self.store)
        shutil.copytree(self.folder, other.folder)
        for name in without:
            shutil.rmtree(other.folder / name)
        return other

    def line(self, *arguments: str) -> list[str]:
        """The command line of bgctl on the manager."""
        return self.manager.entering(str(BGCTL), "--project", str(PLACE), *arguments)

    def bgctl(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs bgctl to its end. Raises with its output if it does not exit with `code` (None: with any)."""
        done = subprocess.run(
            self.line(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        if code is not None and done.returncode != code:
            said = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"bgctl {' '.join(arguments)}: exit {done.returncode}, not {code}\n{said}")
        return done

    def log(self, service: str) -> list[str]:
        """What the containers of a service have said that are there now, on all nodes."""
        said = self.manager.run("sh", "-c", f"docker service logs --raw shop_{service} 2>&1")
        return said.splitlines()

    def faults(self, since: datetime | None = None) -> list[str]:
        """What its proxies have logged as wrong; after the second `since`, where one is given.

        Then without what only came to an end: a test before it may have had a node start again.
        """
        found = [line for line in self.log("proxy") if FAULTY.search(line) and not CUT_OFF.search(line)]
        if since is None:
            return found
        after = since.astimezone(UTC).strftime("%Y/%m/%d %H:%M:%S")  # as nginx begins its lines
        return [line for line in found if line[: len(after)] > after and ENDED not in line]

    def status(self, node: Node) -> dict[str, Any]:
        """What the control listener of a node's proxy says; {} where none answers."""
        try:
            said = node.run("curl", "--silent", "--max-time", "5", f"http://127.0.0.1:{PORTS.control}/status")
        except NodeError:
            return {}
        found: dict[str, Any] = json.loads(said)
        return found

    def routes(self) -> dict[str, tuple[int | None, str | None]]:
        """Of each node that answers, the generation that its proxy has, and the version of blue."""
        heard = {node.name: self.status(node) for node in self.lab.nodes}
        return {
            name: (said["generation"], said["slots"]["blue"]["version"])
            for name, said in heard.items()
            if said
        }
