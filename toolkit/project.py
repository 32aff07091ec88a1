"""One project directory and everything that acts on it: configuration, state, engine, proxy, session API."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import config
from toolkit.changes import Changes
from toolkit.clock import SYSTEM, Clock
from toolkit.engine import ports
from toolkit.errors import BgctlError, Refused
from toolkit.figures_taken import Figures
from toolkit.files import engine_file, releases_file
from toolkit.kept_state import KeptState, OnAllNodes, OnThisHost
from toolkit.project_files import ProjectFiles
from toolkit.state import lineage
from toolkit.state.document import State
from toolkit.terminal.ui import UI
from toolkit.values import Address

if TYPE_CHECKING:
    from toolkit.clients.proxy import Proxy
    from toolkit.clients.session_api import Sessions
    from toolkit.cluster.cluster import Cluster
    from toolkit.engine.compose import Compose
    from toolkit.engine.container import Container
    from toolkit.engine.engine import Engine
    from toolkit.engine.host import Host
    from toolkit.health.image_proof import ImageProof

ENGINE_PATIENCE = 5.0  # seconds for a look at containers for which nothing else must wait


class Project(ProjectFiles):
    """A project's parts are made when they are first needed: `bgctl history` asks no engine.

    Tests hand in parts of their own: `engine`, `proxy`, `sessions` (the session API's client), `clock`, and
    `is_free`, which says whether nothing listens at an address.
    """

    def __init__(
        self,
        root: Path,
        ui: UI,
        command: str,
        found: config.Config | None = None,
        *,
        engine: "Engine | None" = None,
        proxy: "Proxy | None" = None,
        sessions: "Sessions | None" = None,
        clock: Clock = SYSTEM,
        is_free: Callable[[Address], bool] = ports.is_free,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """`found`: the configuration, if it was read already. `without`: nodes that need not be heard.

        Raises Refused where the configuration is wrong.
        """
        super().__init__(root, ui, found)
        self.command, self.clock, self.is_free, self.without = command, clock, is_free, without
        # A part that is handed in takes the place of the one that its property would make.
        parts = {"engine": engine, "proxy": proxy, "sessions": sessions}
        self.__dict__.update({name: part for name, part in parts.items() if part is not None})
        self._graces: dict[str, float] | None = None  # by service, as the compose file was last read
        # The services that the release of this command is to leave unchanged.
        self.leaves: tuple[str, ...] = ()

    @cached_property
    def engine(self) -> "Engine":
        if self.config.project.engine.several_hosts:
            from toolkit.swarm import joining

            return joining.join(self.config, self.root)
        from toolkit.engine import detection

        return detection.detect(self.config, self.root, engine_file.read(self.engine_path))

    def containers(self) -> "dict[str, Container]":
        """By service. A known engine is asked at once: to examine it first takes as long again."""
        from toolkit.engine.commands import Commands
        from toolkit.engine.engine import Engine

        named = self.config.project
        known = named.engine if named.engine != "auto" else engine_file.read(self.engine_path)
        if "engine" in self.__dict__ or not known or named.engine.several_hosts:
            return self.engine.containers()
        commands = Commands(known, (), named.name, (), named.env_file)
        return Engine(commands, self.root, patience=ENGINE_PATIENCE).containers()

    @cached_property
    def image_proof(self) -> "ImageProof":
        from toolkit.health.image_proof import ImageProof

        return ImageProof(self.containers, self.image_of, partial(releases_file.image_left, self.state_dir))

    @cached_property
    def proxy(self) -> "Proxy":
        from toolkit.clients.proxy import Proxy

        make = self.cluster.proxy if self.cluster else Proxy
        return make(self.config.proxy.control)

    @cached_property
    def cluster(self) -> "Cluster | None":
        """All hosts of the project; None: there is one."""
        if not self.config.project.engine.several_hosts:
            return None
        from session_api.keys import marks
        from toolkit.cluster import address
        from toolkit.cluster.cluster import Cluster

        store, ours = address.find(self.env(), self.root), partial(marks.of, self.keys_dir)
        name = self.config.project.name
        return Cluster(store, name, lambda: [each.name for each in self.hosts], self.ui.warn, ours)

    @property
    def hosts(self) -> "Sequence[Host]":
        """Those of a project that has several."""
        return self.engine.hosts() if self.config.project.engine.several_hosts else ()

    @property
    def addresses(self) -> list[str]:
        """Of the hosts on which each slot runs; none: it is this one, and bgctl.toml says where."""
        there = [each for each in self.hosts if each.name not in self.without]
        return [each.address for each in there if each.ready]

    @cached_property
    def _kept(self) -> KeptState:
        names = [each.name for each in self.hosts] if self.without else []
        if strange := sorted(self.without.difference(names)):
            why = f"its nodes are {', '.join(names)}" if names else "there is one host"
            raise Refused(f"--without {strange[0]}: there is no such node", why, "bgctl doctor")
        return OnAllNodes(self.cluster, self.without) if self.cluster else OnThisHost(self.state_path)

    @cached_property
    def sessions(self) -> "Sessions":
        from toolkit.clients.session_api import Sessions

        return Sessions(self.config.sessions.address, self.secret_path("admin.key"))

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def owner(self) -> tuple[int, int] | None:
        """Who must own the keys so that containers can read and not write them; None: the operator."""
        return (0, self.engine.group) if os.getuid() == 0 and self.engine.group else None

    @property
    def adopted(self) -> bool:
        """Whether `bgctl up` has made the first state already."""
        return self._kept.exists()

    def state(self) -> State:
        return self._kept.read()

    def state_if_readable(self) -> State | None:
        try:
            return self.state()
        except BgctlError:
            return None

    def save(self, new: State) -> State:
        """Writes a state that a transition gave. A state that is on disk already is not written again."""
        if self.adopted and self.state() == new:
            return new
        lasting = lineage.shorten(new.lineage, self.now(), self.config.tokens.longest)
        written = replace(new, lineage=lasting)
        with self.in_place():
            self._kept.write(written)
        return written

    def compose_env(self, blue: str, green: str) -> dict[str, str]:
        """The variables for the compose file with these versions, over those of the env file."""
        return {
            "CURRENT_VERSION": blue,
            "VERSION": green,
            **self.config.tokens.environment,
            "BGCTL_IDLE_TIMEOUT": f"{self.config.sessions.idle_timeout:.0f}",
            "BGCTL_STOP_GRACE": f"{self.config.drain.stop_grace:.0f}",
            "BGCTL_SECURE_COOKIES": str(self.config.proxy.secure_cookies).lower(),
            "BGCTL_COOKIE_STEM": str(self.config.proxy.cookie_stem),
        }

    def env_of(self, version: str) -> dict[str, str]:
        """The variables for the compose file with both slots on `version`."""
        return self.compose_env(version, version)

    def env_with(self, slot: str, version: str) -> dict[str, str]:
        """The variables for the compose file with `version` in `slot`, the other slot as the state has it."""
        now = self.state()
        blue = version if slot == "blue" else now.slots.blue.version
        green = version if slot == "green" else now.slots.green.version
        return self.compose_env(blue or version, green or version)

    def blue_env(self) -> dict[str, str]:
        """The variables for a service outside the slots: both slots on the version of blue."""
        return self.env_of(self.state().slots.blue.version or "")

    def image_of(self, service: str, version: str) -> str:
        """The image that the compose file has for a slot's service on `version`."""
        return self.compose(self.env_with(self.config.placed[service].slot, version)).image(service)

    def compose(self, env: dict[str, str]) -> "Compose":
        """The compose file. Raises Refused when it does not fit bgctl.toml."""
        from toolkit.engine import compose_fit

        found = self.read_compose(env)
        compose_fit.check(self.config, found, *self.compose_files)
        return found

    def read_compose(self, env: dict[str, str]) -> "Compose":
        """The compose file as the compose command understands it, whether it fits bgctl.toml or not."""
        found = self.engine.compose(env)
        self._graces = found.graces
        return found

    def grace(self, service: str) -> float:
        """Seconds between SIGTERM and SIGKILL: the service's stop_grace_period, else [drain] stop_grace."""
        if self._graces is None:
            state = self.state_if_readable()
            blue = (state and state.slots.blue.version) or ""
            green = (state and state.slots.green.version) or blue
            try:
                self._graces = self.engine.compose(self.compose_env(blue, green)).graces
            except BgctlError:
                self._graces = {}  # a compose file that cannot be read must not prevent a stop
        return self._graces.get(service, float(self.config.drain.stop_grace))

    @contextmanager
    def change(self, what: str, dry_run: bool = False, wait: float = 0) -> Iterator[None]:
        """A change of the project, as `Changes.make` says; a dry run needs no lock and leaves no line."""
        if dry_run:
            yield
            return
        changes = Changes(
            state_dir=self.state_dir,
            command=self.command,
            state=self.state_if_readable,
            ui=lambda: self.ui,  # looked up late: cron replaces it
            figures=Figures(self.state_dir, self.config, self.clock),
        )
        with changes.make(what, wait, lambda: self._kept.change(what, self.command, wait)):
            yield
