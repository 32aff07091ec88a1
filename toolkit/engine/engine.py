"""The engine of one project: starts, stops and asks its containers."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from toolkit.config import Config
from toolkit.config.engines import EngineKind
from toolkit.engine import compose_form, process
from toolkit.engine.commands import Commands
from toolkit.engine.compose import Compose
from toolkit.engine.compose_command import ComposeCommand
from toolkit.engine.container import COMES_BACK, Container
from toolkit.engine.container_user import IMAGE_USER, container_user
from toolkit.engine.containers import Containers
from toolkit.engine.handover import Line
from toolkit.engine.host import Host
from toolkit.engine.images import Images
from toolkit.errors import BgctlError, Failed

LOOK = 20.0  # seconds for what answers at once
CHANGE = 60.0  # seconds for what starts something
EXEC = 30.0  # seconds for a command in a container
REMOVE = 30.0  # seconds; to stop a container takes its grace longer
RESTART_VARIABLE = '"${BGCTL_GREEN_RESTART:-no}"'
# What is done with a container that has stopped, before it is gone.
Keep = Callable[[Container], object] | None


class Engine(Containers, Images):
    """Every method raises Failed when the engine fails, hangs or is absent."""

    def __init__(
        self,
        commands: Commands,
        root: Path,
        slotted: Iterable[str] = (),
        patience: float = 30,
        config: Config | None = None,
    ) -> None:
        """`slotted`: the compose services that are slots. `config`: what pairs are derived from.

        `patience`: seconds for each command that looks for containers.
        """
        super().__init__(commands, root, patience)
        self.slotted = frozenset(slotted)
        self._compose = ComposeCommand(commands, root, config)

    @property
    def name(self) -> str:
        return self.commands.binary

    @property
    def kind(self) -> EngineKind:
        return self.commands.kind

    @property
    def compose_command(self) -> str:
        return " ".join(self.commands.compose)

    @property
    def summary(self) -> str:
        """What it is, in words."""
        return f"{self.name}{', rootless' if self.rootless else ''}"

    def troubles(self) -> Iterator[BgctlError]:
        """What is wrong with it, though it answers."""
        yield from ()

    @cached_property
    def rootless(self) -> bool:
        answer = process.run(self.commands.info(), timeout=LOOK)
        return "rootless" in answer or answer.strip() == "true"

    def hosts(self) -> Sequence[Host]:
        """The hosts on which each service of ours runs; none: it is this one alone."""
        return []

    def storage(self) -> dict[str, Path]:
        """The folder of its images and containers, by what it is for; empty where it does not say."""
        try:
            return {"images and containers": Path(process.run(self.commands.storage(), timeout=LOOK).strip())}
        except Failed:
            return {}

    @property
    def user(self) -> str:
        return container_user(self.rootless, os.getuid(), os.getgid())

    @property
    def group(self) -> int | None:
        """The group to which files for the containers must belong, where it is not the operator's own."""
        return IMAGE_USER if self.user == f"{IMAGE_USER}:{IMAGE_USER}" else None

    def compose(self, env: Mapping[str, str]) -> Compose:
        """The compose files as the compose command understands them. Raises Refused with its own words."""
        found = Compose.parse(self._compose.config(self.told(env)))
        return found.with_single_dollars() if self.commands.compose_kind.doubles_dollars else found

    def document(self, env: Mapping[str, str] | None) -> dict[str, Any]:
        """The whole compose file, with all that is written there.

        `env` None: as `compose config` has it for an operator who types it.
        """
        text = self._compose.config({} if env is None else self.told(env))
        return msgspec.yaml.decode(text, type=dict[str, Any])

    @cached_property
    def form(self) -> str:
        """Tells apart the forms in which compose commands print that."""
        return compose_form.of(self.commands)

    def look(self, service: str) -> Container | None:
        """A service's container; its HEALTHCHECK is run first where the engine does not do so by itself."""
        found = self.containers().get(service)
        if self.kind.runs_healthchecks or found is None or not (found.checks and found.state.running):
            return found
        with suppress(Failed):
            process.run(self.commands.check_health(found.id), timeout=CHANGE)
        return self.containers().get(service)

    def up(self, service: str, env: Mapping[str, str], grace: float = 10, keep: Keep = None) -> None:
        """Starts a service anew. `keep` is given the old container before it is removed.

        The old container is removed first, because docker-compose 1.29 cannot recreate one on newer engines;
        but only once the compose file has been found to be good. Where there is none, `up` itself says so.
        """
        told = self.told(env)
        if old := self._of(service):
            self._compose.config(told)
            self._remove(old, grace, keep)
        self._compose.run(lambda commands: commands.up(service), told)

    def create(self, service: str, env: Mapping[str, str]) -> None:
        """Makes a service's container and its networks, and starts nothing."""
        self._compose.run(lambda commands: commands.create(service), self.told(env))

    def start(self, container: Container) -> None:
        """Starts a container that is there and does not run, with all that it had."""
        process.run(self.commands.start(container.id), timeout=CHANGE)

    def is_current(self, service: str, env: Mapping[str, str]) -> bool:
        """Whether it runs with all that `up` would give it; False as well where that is not known."""
        return False

    def run_once(self, service: str, version: str, env: Mapping[str, str]) -> None:
        """Starts a container of the service beside all others, and does not wait for its end."""
        self._compose.run(lambda commands: commands.run_once(service, version), self.told(env))

    def remove_one(
        self, container: Container, grace: float = 10, volumes: bool = False, keep: Keep = None
    ) -> None:
        """Stops this container (SIGTERM, then `grace` seconds), gives it to `keep`, and removes it."""
        if container.state.running:
            process.run(self.commands.stop(container.id, grace), timeout=grace + REMOVE)
        if keep:
            keep(container)
        process.run(self.commands.remove(container.id, volumes), timeout=REMOVE)

    def remove(self, service: str, grace: float, keep: Keep = None) -> None:
        """Stops a service's containers (SIGTERM, then `grace` seconds) and removes them; none is fine.

        A slot's anonymous volumes are removed too: nothing would use them again, and each release leaves
        some. The anonymous volumes of other services stay on the disk.
        """
        self._remove(self._of(service), grace, keep)

    def _of(self, service: str) -> list[Container]:
        return [each for each in self.all() if each.service == service]

    def _remove(self, containers: Iterable[Container], grace: float, keep: Keep) -> None:
        for each in containers:
            self.remove_one(each, grace, each.service in self.slotted, keep)

    def down(self, env: Mapping[str, str]) -> None:
        """Removes the project's networks, and the containers that are left of it; volumes stay."""
        self._compose.run(Commands.down, self.told(env))

    @cached_property
    def changes_restart(self) -> bool:
        """Whether the restart policy of a container can be changed after its start."""
        return self.kind.changes_restart or "--restart" in process.run(
            self.commands.update_help(), timeout=LOOK
        )

    def keep_running(self, service: str, wanted: bool) -> None:
        """Has the engine start a service again when it dies, or not any more. No container is fine.

        Raises Failed where that is wanted, and the engine cannot change it after a container's start.
        """
        for each in self.all():
            if each.service != service or each.comes_back == wanted:
                continue
            if self.changes_restart:
                process.run(self.commands.restart(each.id, COMES_BACK if wanted else "no"), timeout=LOOK)
            elif wanted:
                what = f"{service} does not come back by itself when it dies"
                why = f"this {self.name} cannot change that once it has started"
                mend = f"write restart: {RESTART_VARIABLE} for it in the compose file, for the next release"
                raise Failed(what, why, mend)

    def signal(self, service: str, signal: str) -> None:
        process.run(self.commands.kill(self._id(service), signal), timeout=LOOK)

    def exec(self, service: str, *argv: str) -> str:
        inside = self.inside(self._found(service))
        return process.run(self.commands.exec(inside, *argv), timeout=EXEC, both=True)

    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines, or why there are none: this only ever explains another failure."""
        try:
            return self._log(self._id(service), lines)
        except BgctlError as error:
            return f"(no log: {error})"

    def log_of(self, container: Container, lines: int = 20) -> str:
        """As `logs`, of this container."""
        try:
            return self._log(container.id, lines)
        except BgctlError as error:
            return f"(no log: {error})"

    def _log(self, container: str, lines: int) -> str:
        return process.run(self.commands.logs(container, lines), timeout=LOOK, both=True).strip()

    def build(
        self, services: Sequence[str], env: Mapping[str, str], tell: Callable[[str], None] | None = None
    ) -> None:
        """Builds as the compose file says. `tell` gets each instruction as it begins."""
        self._compose.build(services, self.told(env), tell)

    def build_by_hand(self, services: Sequence[str], env: Mapping[str, str]) -> str:
        """The command that an operator would type for that."""
        return self._compose.build_by_hand(services, env)

    def typed(self, words: Sequence[str], env: Mapping[str, str]) -> Line:
        """A compose command line that an operator has typed."""
        return self._compose.typed(words, self.told(env))

    def told(self, env: Mapping[str, str]) -> dict[str, str]:
        """What the compose command is told, over the env file."""
        # Where the policy cannot be changed later on, green has to have it from its start.
        restart = "no" if self.changes_restart else COMES_BACK
        ours = {"BGCTL_USER": self.user, "BGCTL_GREEN_RESTART": restart, **env}
        return self._compose.with_derived(ours)
