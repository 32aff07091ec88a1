"""A service that the release leaves unchanged is found by its name in the network of green, too.

bgctl gives each slot a network of its own, in which its services find each other by the names of the compose
file (toolkit/engine/derivation.py). Of an unchanged service there are blue's containers only: while green is
there, they are in its network as well. No other container of blue may be: green would call the old version.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct

from toolkit.engine.container import Container
from toolkit.project import Project
from toolkit.slots.services import unchanged

BLUE, GREEN = "bgctl-blue", "bgctl-green"  # how the names of the two networks end


class Place(Struct, frozen=True):
    """A container of blue, and green's network; whether it is in there, and by which names it has to be."""

    container: Container
    network: str
    there: bool
    aliases: list[str]


def join(project: Project, version: str) -> None:
    """Has green find the services that are unchanged, and no others of blue, before it starts."""
    wanted = unchanged(project)
    missing = [each for each in _places(project, wanted) if not each.there]
    _part(project, wanted)
    if missing and missing[0].network not in project.engine.networks():
        first = next(each.compose for each in project.config.members("green") if each.name not in wanted)
        project.engine.create(first, project.env_with("green", version))
    for each in missing:
        project.engine.join(each.network, each.container, each.aliases)


def part(project: Project) -> None:
    """Takes all containers of blue out of green's network, after green."""
    _part(project, ())


def _part(project: Project, wanted: Collection[str]) -> None:
    others = [name for name in project.config.slotted if name not in wanted]
    for each in _places(project, others):
        if each.there:
            project.engine.leave(each.network, each.container)


def _places(project: Project, services: Collection[str]) -> Iterator[Place]:
    """Of services whose slots have networks of their own, each container of blue that runs."""
    there = project.engine.containers()
    for member in project.config.members("blue"):
        found = there.get(member.compose)
        if member.name not in services or found is None or not found.state.running:
            continue
        for network, aliases in found.networks.items():
            if network.endswith(BLUE):
                greens = network.removesuffix(BLUE) + GREEN
                yield Place(found, greens, greens in found.networks, aliases)
