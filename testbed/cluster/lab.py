"""A whole lab: the network, the registry with the images, the nodes, and the swarm that they form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from .network import Network, network
from .node import Node, running
from .registry import Registry, pull, registry
from .site import Site, site
from .swarm import MANAGERS, Swarm


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

    The nodes call an image what `Registry.name` says. At the end all of it is gone.
    """
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
