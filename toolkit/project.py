"""One project directory and everything that acts on it: configuration, state, engine, proxy, session API."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from session_api.errors import SetupError
from session_api.keys import key_files
from toolkit import config
from toolkit.errors import BgctlError, Failed, NotYet, Refused
from toolkit.files import engine_file as enginefile
from toolkit.files import env_file as envfile
from toolkit.files import history, lock
from toolkit.files import state_file as statefile
from toolkit.files.atomic import NotSynced
from toolkit.state import lineage
from toolkit.state.document import State
from toolkit.terminal.ui import UI
from toolkit.values import stamp

if TYPE_CHECKING:
    from toolkit.clients.proxy import Proxy
    from toolkit.clients.session_api import Sessions
    from toolkit.engine.compose import Compose
    from toolkit.engine.container import Container
    from toolkit.engine.engine import Engine
    from toolkit.health.image_proof import ImageProof

ENGINE = 5.0  # seconds for a look at containers, for which nothing must wait


class Project:
    """Everything is looked up when it is first needed: `bgctl history` asks no engine."""

    def __init__(self, root: Path, ui: UI, command: str, found: config.Config | None = None) -> None:
        """`found`: the configuration, where somebody has read it. Raises Refused where it is wrong."""
        self.root = root.resolve()
        self.ui = ui
        self.command = command
        self.config_path = self.root / "bgctl.toml"
        self.config = found or config.load(self.config_path)
        self.state_dir = self.root / "state"
        self.state_path = self.state_dir / "state.json"
        self.engine_path = self.state_dir / "engine"
        self.needs_path = self.state_dir / "needs.json"
        self.history_path = self.state_dir / "history.jsonl"
        self.keys_dir = self.root / "keys"
        self.secret_path = partial(key_files.find, self.keys_dir)
        self.data_dir = self.root / "data"
        self.proxy_dir = self.root / "proxy"
        self.env_path = self.root / self.config.project.env_file
        self._graces: dict[str, float] | None = None  # by service, as the compose file was last read

    @cached_property
    def compose_files(self) -> tuple[Path, ...]:
        from toolkit.engine import compose_files

        return tuple(self.root / name for name in compose_files.choose(self.config.project, self.root).names)

    @property
    def compose_path(self) -> Path:
        """The first of them, for messages that are about all."""
        return self.compose_files[0]

    @cached_property
    def engine(self) -> "Engine":
        from toolkit.engine import detection

        return detection.detect(self.config, self.root, enginefile.read(self.engine_path))

    def containers(self) -> "dict[str, Container]":
        """By service. An engine that is known is asked straight: what else it can do takes as long again."""
        from toolkit.engine.commands import Commands
        from toolkit.engine.engine import Engine

        if "engine" in self.__dict__:
            return self.engine.containers()
        named = self.config.project
        known = named.engine if named.engine != "auto" else enginefile.read(self.engine_path)
        if not known:
            return self.engine.containers()
        commands = Commands(known, (), named.name, (), named.env_file)
        return Engine(commands, self.root, patience=ENGINE).containers()

    @cached_property
    def image_proof(self) -> "ImageProof":
        from toolkit import slots
        from toolkit.health.image_proof import ImageProof

        return ImageProof(self.containers, partial(slots.image_of, self))

    @cached_property
    def proxy(self) -> "Proxy":
        from toolkit.clients.proxy import Proxy

        return Proxy(self.config.proxy.control)

    @cached_property
    def sessions(self) -> "Sessions":
        from toolkit.clients.session_api import Sessions

        return Sessions(self.config.sessions.address, self.secret_path("admin.key"))

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    @property
    def owner(self) -> tuple[int, int] | None:
        """To whom keys must belong so that containers can read and not write them; None: to the operator."""
        return (0, self.engine.group) if os.getuid() == 0 and self.engine.group else None

    @property
    def adopted(self) -> bool:
        """Whether something has been started already."""
        return self.state_path.exists()

    def state(self) -> State:
        return statefile.read(self.state_path)

    def save(self, new: State) -> State:
        """Writes a state that a transition gave; one that is on disk already is left alone."""
        if self.state_path.exists() and self.state() == new:
            return new
        lasting = lineage.shorten(new.lineage, self.now(), self.config.tokens.longest)
        written = replace(new, lineage=lasting)
        with self._in_place():
            statefile.write(self.state_path, written)
        return written

    def env(self) -> dict[str, str]:
        return envfile.load(self.env_path)

    def set_env(self, key: str, value: str) -> None:
        with self._in_place():
            envfile.set_value(self.env_path, key, value)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """What is written holds, so the work goes on, also where a power cut might undo it."""
        try:
            yield
        except NotSynced as error:
            self.ui.warn(str(error))

    def compose_env(self, blue: str, green: str) -> dict[str, str]:
        """What the compose file is interpolated with, over the env file."""
        tokens, sessions = self.config.tokens, self.config.sessions
        return {
            "CURRENT_VERSION": blue,
            "VERSION": green,
            "BGCTL_ISSUER": tokens.issuer,
            "BGCTL_LEEWAY": f"{int(tokens.leeway)}",
            "BGCTL_TOKEN_TTL": f"{int(tokens.longest)}",
            "BGCTL_VERSION_CLAIM": str(tokens.version_claim),
            "BGCTL_IDLE_TIMEOUT": f"{sessions.idle_timeout:.0f}",
            "BGCTL_STOP_GRACE": f"{self.config.drain.stop_grace:.0f}",
            "BGCTL_SECURE_COOKIES": str(self.config.proxy.secure_cookies).lower(),
            "BGCTL_COOKIE_STEM": str(self.config.proxy.cookie_stem),
        }

    def compose(self, env: dict[str, str]) -> "Compose":
        """Raises Refused when the compose file does not fit bgctl.toml."""
        from toolkit.engine import compose_fit

        found = self.read_compose(env)
        compose_fit.check(self.config, found, *self.compose_files)
        return found

    def read_compose(self, env: dict[str, str]) -> "Compose":
        """As the compose command understands it, whether it fits bgctl.toml or not."""
        found = self.engine.compose(env)
        self._graces = found.graces
        return found

    def grace(self, service: str) -> float:
        """Seconds between SIGTERM and SIGKILL: the service's own stop_grace_period, else [drain] stop_grace.

        A compose file that cannot be read keeps nobody from stopping.
        """
        if self._graces is None:
            state = self._state_or_none()
            blue = (state and state.slots.blue.version) or ""
            green = (state and state.slots.green.version) or blue
            try:
                self._graces = self.engine.compose(self.compose_env(blue, green)).graces
            except BgctlError:
                self._graces = {}
        return self._graces.get(service, float(self.config.drain.stop_grace))

    @contextmanager
    def change(self, what: str, dry_run: bool = False, wait: float = 0) -> Iterator[None]:
        """Holds the lock and, when it is over, adds a line to the history, whatever the outcome.

        `wait`: seconds for another bgctl to end. Raises Locked while one is at work.
        """
        if dry_run:
            yield
            return
        with lock.held(self.state_dir, self.command, self.now(), wait) as killed:
            if killed:
                self._record_killed(killed)
            start, before = time.monotonic(), self._state_or_none()
            try:
                yield
            except NotYet:
                raise  # said so, changed nothing: cron would fill the log with it
            except BaseException as error:
                self._record_failure(what, before, start, error)
                raise
            self._record(what, before, start, "done", "")

    def _record_killed(self, last: lock.Holder) -> None:
        """The line that the one before could not add itself."""
        now = self._state_or_none()
        release = now.deployment if now else None
        entry = history.Entry(
            last.since,
            last.user,
            last.command,
            last.command,
            release.old if release else None,
            release.new if release else None,
            now.generation if now else None,
            0,
            "interrupted",
            f"it ended without a word (pid {last.pid}): killed, or the machine stopped",
        )
        try:
            history.append(self.history_path, entry)
        except Failed as error:
            self.ui.warn(str(error))

    def _record_failure(self, what: str, before: State | None, start: float, error: BaseException) -> None:
        if isinstance(error, SetupError):  # of the keys: told as refused, too
            error = Refused(error.what)
        outcome = "refused" if isinstance(error, Refused) else "failed"
        if isinstance(error, KeyboardInterrupt):
            outcome = "interrupted"
        why = str(error) if isinstance(error, BgctlError) else type(error).__name__
        try:
            self._record(what, before, start, outcome, why)
        except Failed as second:
            self.ui.warn(str(second))  # the first failure is the one to report

    def _record(self, what: str, before: State | None, start: float, outcome: str, why: str) -> None:
        after = self._state_or_none()
        release = (after and after.deployment) or (before and before.deployment)
        seconds = round(time.monotonic() - start, 3)
        entry = history.Entry(
            stamp(self.now()),
            lock.whoami(),
            self.command,
            what,
            release.old if release else None,
            release.new if release else None,
            after.generation if after else None,
            seconds,
            outcome,
            why,
        )
        history.append(self.history_path, entry)

    def _state_or_none(self) -> State | None:
        try:
            return self.state()
        except BgctlError:
            return None
