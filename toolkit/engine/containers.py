"""Looks for containers on an engine: those of this project, and those of others that matter to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from toolkit.engine import process
from toolkit.engine.asking import Asking
from toolkit.engine.commands import Commands
from toolkit.engine.container import ONE_SHOT, RENDERED, Container
from toolkit.errors import Failed

LOOK = 20.0  # seconds for what answers at once
COPY = 120.0  # seconds for a folder of a container


class Containers(Asking):
    """Every method raises Failed when the engine fails, hangs or is absent."""

    def __init__(self, commands: Commands, root: Path, patience: float) -> None:
        """`patience`: seconds for each command that looks for containers."""
        self.commands = commands
        self.root = root
        self.patience = patience

    def all(self) -> list[Container]:
        """This project's containers, running ones last."""
        found = self._inspect(self.commands.ids())
        return sorted(found, key=lambda each: each.state.running)

    def neighbours(self) -> list[Path]:
        """The folders of other projects whose proxies run here."""
        found = self._inspect(self.commands.proxies())
        others = [each for each in found if each.project != self.commands.project]
        return [
            Path(mount.source).parent
            for each in others
            for mount in each.mounts or []
            if mount.target == RENDERED
        ]

    def _inspect(self, listing: list[str]) -> list[Container]:
        ids = self._ask(listing, self.patience).split()
        if not ids:
            return []
        found = self._ask(self.commands.inspect(*ids), self.patience)
        return msgspec.json.decode(found, type=list[Container])

    def elsewhere(self) -> list[Container]:
        """Containers of this very folder that run under another project's name."""
        found = self._inspect(self.commands.of_folder(self.root))
        return [each for each in found if each.project != self.commands.project]

    def of_project(self, name: str) -> list[Container]:
        return self._inspect(self.commands.of_project(name))

    def of_name(self, name: str) -> list[Container]:
        """The container of this name, of whatever project."""
        return self._inspect(self.commands.of_name(name))

    def copy(self, container: Container, source: str, target: Path) -> None:
        """Copies a folder out of a container, to a path that is not there yet."""
        self._ask(self.commands.copy(container.id, source, target), COPY)

    def volumes(self) -> set[str]:
        """The names of all volumes on this engine."""
        return set(self._ask(self.commands.volumes(), self.patience).split())

    def containers(self) -> dict[str, Container]:
        """This project's by service, without those of `compose run`; of several a running one."""
        return {each.service: each for each in self.all() if not each.one_off}

    def running(self, service: str, env: Mapping[str, str] | None = None) -> bool:
        """Whether a service runs and, where `env` is given, was started with these settings."""
        found = self.containers().get(service)
        return found is not None and found.state.running and found.agrees(env or {})

    def is_here(self, service: str) -> bool:
        """Whether it runs on this very host, and so may have ports of it."""
        return self.running(service)

    def dead(self, service: str) -> str | None:
        """Why a service cannot become healthy any more, or None while it still may."""
        found = self.containers().get(service)
        if found is None:
            return "its container is gone"
        if found.state.running or found.state.status in ("created", "restarting"):
            return None
        return f"its container exited with code {found.state.exit_code}"

    def one_shots(self, service: str) -> list[Container]:
        """The containers that `run_once` has started, running ones last."""
        return [each for each in self.all() if each.service == service and each.value(ONE_SHOT) is not None]

    def inside(self, container: Container) -> str:
        """The id by which a command can be run in it."""
        return container.id

    def _id(self, service: str) -> str:
        return self._found(service).id

    def _found(self, service: str) -> Container:
        if found := self.containers().get(service):
            return found
        raise Failed(f"{service} has no container", "it is not running", "bgctl up")

    def networks(self) -> list[str]:
        return self._ask(self.commands.networks(), LOOK).split()

    def join(self, network: str, container: Container, aliases: Sequence[str]) -> None:
        """Has a running container found in one more network, by these names."""
        process.run(self.commands.join(network, container.id, aliases), timeout=LOOK)

    def leave(self, network: str, container: Container) -> None:
        process.run(self.commands.leave(network, container.id), timeout=LOOK)
