"""Looks for the services of a project on its swarm."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from toolkit.config.kinds import NodeLabel
from toolkit.engine import process
from toolkit.engine.container import Container
from toolkit.engine.containers import Containers
from toolkit.engine.images import LOOK, Images
from toolkit.errors import Refused
from toolkit.swarm import nodes, tasks, view
from toolkit.swarm.commands import SwarmCommands, service_of
from toolkit.swarm.nodes import Membership, Node
from toolkit.swarm.tasks import Service, Standing, Task

T = TypeVar("T")
AGAIN = 2  # tries more, where what was listed is gone


class Services(Containers, Images):
    """As `Containers`, with a service in place of each container. Every method raises Failed as those do."""

    commands: SwarmCommands
    label: NodeLabel  # that of the project's nodes

    @cached_property
    def membership(self) -> Membership:
        return msgspec.json.decode(process.run(self.commands.membership(), timeout=LOOK), type=Membership)

    def nodes(self) -> list[Node]:
        """The nodes that the swarm has for this project. Raises Refused where there are none."""
        return nodes.of_project(self._all_nodes(), self.label)

    def _all_nodes(self) -> list[Node]:
        return self._listed(self.commands.nodes(), self.commands.inspect_nodes, list[Node])

    def all(self) -> list[Container]:
        """This project's services, each as one container; running ones last."""
        found = [view.of(each, self._image_id(each.service.image)) for each in self.standings()]
        return sorted(found, key=lambda each: each.state.running)

    def standings(self) -> list[Standing]:
        services = self._services()
        return tasks.standings(services, self._tasks([each.id for each in services]), self._all_nodes())

    def standing(self, service: str) -> Standing | None:
        """Of a service by its name in the compose file; what has run once is none of that name."""
        name = f"{self.commands.project}_{service}"
        return next((each for each in self.standings() if each.service.spec.name == name), None)

    def _services(self) -> list[Service]:
        return self._listed(self.commands.services(), self.commands.inspect_services, list[Service])

    def _tasks(self, services: Sequence[str]) -> list[Task]:
        if not services:
            return []
        return self._listed(self.commands.tasks(*services), self.commands.inspect_tasks, list[Task])

    def _listed(self, listing: list[str], inspect: Callable[..., list[str]], kind: type[T]) -> T:
        """What a listing names, inspected. What the swarm forgets in between makes it list once more."""
        for _ in range(AGAIN):
            with suppress(process.Ended):
                return self._inspected(listing, inspect, kind)
        return self._inspected(listing, inspect, kind)

    def _inspected(self, listing: list[str], inspect: Callable[..., list[str]], kind: type[T]) -> T:
        ids = self._ask(listing, self.patience).split()
        return msgspec.json.decode(self._ask(inspect(*ids), self.patience) if ids else "[]", type=kind)

    def _left_of(self, them: Collection[Task]) -> list[Task]:
        """Those of some tasks, of services that were removed, that the nodes have yet to end."""
        return [each for each in them if self._is_left(each.id)]

    def _is_left(self, task: str) -> bool:
        try:
            process.run(self.commands.inspect_tasks(task), timeout=LOOK)
        except process.Ended:
            return False  # the swarm has forgotten it: it does so once it has ended
        return True

    def is_here(self, service: str) -> bool:
        """A task that only starts has its ports already, whatever other nodes do."""
        found = self.standing(service)
        here = self.membership.node
        return found is not None and any(
            each.task.node == here and not each.task.over for each in found.places
        )

    def dead(self, service: str) -> str | None:
        """Why a service cannot run on all its nodes any more, or None while it still may."""
        found = self.standing(service)
        return (found.hopeless or None) if found else "the swarm has no such service"

    def inside(self, container: Container) -> str:
        """Of a container of this service on this very node. Raises Refused where none is here."""
        found = [each for each in self.standings() if each.service.id == service_of(container.id)]
        places = [place for each in found for place in each.places]
        for place in places:
            if place.task.node == self.membership.node and place.task.status.container.id:
                return place.task.status.container.id
        where = ", ".join(place.node for place in places if place.runs)
        why = f"docker enters containers of its own node only; it runs on {where or 'none'}"
        raise Refused(f"{container.service} is not on this node", why, "type it there, over ssh")

    def copy(self, container: Container, source: str, target: Path) -> None:
        super().copy(msgspec.structs.replace(container, id=self.inside(container)), source, target)

    def _image_id(self, name: str) -> str:
        """By the name with its digest, which is the same image for ever."""
        if name not in self._image_ids and (id := self.image_id(name)):
            self._image_ids[name] = id
        return self._image_ids.get(name, "")

    @cached_property
    def _image_ids(self) -> dict[str, str]:
        return {}

    # What is of one host: nothing of it is a project's here.

    def neighbours(self) -> list[Path]:
        return []

    def elsewhere(self) -> list[Container]:
        return []

    def of_name(self, name: str) -> list[Container]:
        return []
