"""A whole lab: the network, the registry with the images, the nodes, and the swarm that they form."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from .network import Network, network
from .node import Node, running
from .registry import Registry, pull, registry
from .site import Site, site
from .swarm import MANAGERS, Swarm

PACKAGES = {  # of Debian, by a program that each has
    "dockerd": "docker.io",
    "docker-init": "docker.io",
    "docker-registry": "docker-registry",
    "ip": "iproute2",
    "redis-server": "redis-server",
    "setpriv": "util-linux",
}


@dataclass(frozen=True, slots=True)
class Lab:
    site: Site
    network: Network
    registry: Registry
    nodes: list[Node]
    swarm: Swarm


@contextmanager
def laboratory(nodes: int = 3, images: Sequence[str] = (), managers: int = MANAGERS) -> Iterator[Lab]:
    """Nodes "node1", "node2" … in one swarm, each with these images of this machine's engine.

    The nodes call an image what `Registry.name` says. At the end all of it is gone. Raises RuntimeError with
    what is missing where there can be no lab.
    """
    _check()
    names = [f"node{number}" for number in range(1, nodes + 1)]
    with (
        site() as here,
        network(here) as net,
        registry(here.folder / "registry", net.outside) as shelf,
        running(here, net, names) as machines,
    ):
        pull(machines, shelf.push(images))
        swarm = Swarm(machines, managers)
        swarm.form()
        yield Lab(here, net, shelf, machines, swarm)


def _check() -> None:
    if os.geteuid():
        raise RuntimeError("it takes root to make a machine's namespaces: start this as root")
    missing = {package for program, package in PACKAGES.items() if not shutil.which(program)}
    if missing:
        raise RuntimeError(f"programs are missing: setup/packages {' '.join(sorted(missing))}")
