"""Containers: the one file that knows docker from podman.

`Commands` only builds argument lists; `Engine` has them run.
"""

import math
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from toolkit.config import Config
from toolkit.engine import compose_files, reasons, user_session
from toolkit.engine import process as runner
from toolkit.engine.compose import Compose
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import engine_file as enginefile
from toolkit.files import env_file as envfile
from toolkit.files.env_file import VERSIONS
from toolkit.values import SLOTS

PROJECT = "com.docker.compose.project"  # podman-compose sets these labels too
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"  # "True" for what `compose run` has started
ONE_SHOT = "BGCTL_VERSION"  # in the environment of a one-shot's container: the version for which it runs
FOLDER = "com.docker.compose.project.working_dir"
COMES_BACK = "unless-stopped"  # the restart policy of what serves people
BUILD = 3600.0  # seconds for a build or a push
SECRET = 5  # letters: what is shorter is shown, such as a port
DETAIL = 20  # lines of a build that has failed
_INSTRUCTION = re.compile(r"\s*(?:step \d+/\d+ ?:|#\d+ \[.*\d+/\d+\])", re.IGNORECASE)
# Seconds for which an answer of `config` holds: a file that another one includes may change unseen.
FRESH = 30.0
RESTART_VARIABLE = '"${BGCTL_GREEN_RESTART:-no}"'
RENDERED = "/etc/bgctl"  # where a proxy finds what was rendered for it: the folder proxy/ of its project
IMAGE_USER = 10001  # whom our images run as


@dataclass(frozen=True)
class Commands:
    """What would be run. `compose` is the compose command with its own options, as one tuple.

    `files` make up the compose file, in this order.
    """

    binary: str
    compose: tuple[str, ...]
    project: str
    files: tuple[str, ...]
    env_file: str

    @property
    def is_plugin(self) -> bool:
        """`docker compose`, and not one of the commands that are written in Python."""
        return self.compose[:2] == ("docker", "compose")

    def info(self) -> list[str]:
        rootless = {"docker": "{{json .SecurityOptions}}", "podman": "{{.Host.Security.Rootless}}"}
        return [self.binary, "info", "--format", rootless[self.binary]]

    def storage(self) -> list[str]:
        folder = {"docker": "{{.DockerRootDir}}", "podman": "{{.Store.GraphRoot}}"}
        return [self.binary, "info", "--format", folder[self.binary]]

    def config(self) -> list[str]:
        return [*self._compose(), "config"]

    def build(self, *services: str) -> list[str]:
        return [*self._compose(), "build", *services]

    def up(self, service: str) -> list[str]:
        return [*self._compose(), "up", "-d", "--no-deps", service]

    def down(self) -> list[str]:
        return [*self._compose(), "down"]

    def run_once(self, service: str, version: str) -> list[str]:
        marked = ["-e", f"{ONE_SHOT}={version}"]
        return [*self._compose(), "run", "-d", "-T", "--no-deps", *marked, service]

    def start(self, container: str) -> list[str]:
        return [self.binary, "start", container]

    def check_health(self, container: str) -> list[str]:
        return [self.binary, "healthcheck", "run", container]

    def ids(self) -> list[str]:
        return self.of_project(self.project)

    def proxies(self) -> list[str]:
        return [self.binary, "ps", "--quiet", "--filter", f"label={SERVICE}=proxy"]

    def inspect(self, *ids: str) -> list[str]:
        return [self.binary, "inspect", *ids]

    def stop(self, container: str, grace: float) -> list[str]:
        return [self.binary, "stop", "-t", str(math.ceil(grace)), container]

    def remove(self, container: str, volumes: bool = False) -> list[str]:
        """`volumes`: with its anonymous ones; those that have a name stay in any case."""
        return [self.binary, "rm", "--force", *["--volumes"] * volumes, container]

    def kill(self, container: str, signal: str) -> list[str]:
        return [self.binary, "kill", "--signal", signal, container]

    def restart(self, container: str, policy: str) -> list[str]:
        return [self.binary, "update", "--restart", policy, container]

    def update_help(self) -> list[str]:
        return [self.binary, "update", "--help"]

    def logs(self, container: str, lines: int | None, *options: str) -> list[str]:
        tail = [] if lines is None else ["--tail", str(lines)]
        return [self.binary, "logs", *tail, *options, container]

    def exec(self, container: str, *argv: str) -> list[str]:
        return [self.binary, "exec", container, *argv]

    def image(self, name: str) -> list[str]:
        return [self.binary, "image", "inspect", "--format", "{{.Id}}", name]

    def image_volumes(self, name: str) -> list[str]:
        return [self.binary, "image", "inspect", "--format", "{{json .Config.Volumes}}", name]

    def of_folder(self, root: Path) -> list[str]:
        return [self.binary, "ps", "--all", "--quiet", "--filter", f"label={FOLDER}={root}"]

    def of_project(self, name: str) -> list[str]:
        return [self.binary, "ps", "--all", "--quiet", "--filter", f"label={PROJECT}={name}"]

    def of_name(self, name: str) -> list[str]:
        return [self.binary, "ps", "--all", "--quiet", "--filter", f"name=^{name}$"]

    def volumes(self) -> list[str]:
        return [self.binary, "volume", "ls", "--quiet"]

    def pull(self, name: str) -> list[str]:
        return [self.binary, "pull", name]

    def push(self, name: str) -> list[str]:
        return [self.binary, "push", name]

    def _compose(self) -> list[str]:
        files = [word for name in self.files for word in ("--file", name)]
        env = ["--env-file", self.env_file]
        # The profile of green; every command names its services, so that it never starts one by itself.
        return [*self.compose, "--project-name", self.project, *files, *env, "--profile", "deployment"]


class Checked(Struct, frozen=True):
    """What one run of a HEALTHCHECK came to."""

    output: str = field(name="Output", default="")


class Health(Struct, frozen=True):
    """What the engine's own checks say: "starting", "healthy", "unhealthy"; "" where podman has none."""

    status: str = field(name="Status", default="")
    log: list[Checked] | None = field(name="Log", default=None)


class Status(Struct, frozen=True):
    """A container's State, as `inspect` reports it. podman has called `health` Healthcheck, too."""

    status: str = field(name="Status", default="unknown")
    running: bool = field(name="Running", default=False)
    exit_code: int = field(name="ExitCode", default=0)
    started_at: str = field(name="StartedAt", default="")
    health: Health | None = field(name="Health", default=None)
    healthcheck: Health | None = field(name="Healthcheck", default=None)


class HealthCheck(Struct, frozen=True):
    """A HEALTHCHECK, with its times in nanoseconds; 0 stands for the engine's default."""

    test: list[str] | None = field(name="Test", default=None)
    interval: int = field(name="Interval", default=0)
    timeout: int = field(name="Timeout", default=0)
    start_period: int = field(name="StartPeriod", default=0)
    retries: int = field(name="Retries", default=0)


class Settings(Struct, frozen=True):
    image: str = field(name="Image", default="")
    labels: dict[str, str] | None = field(name="Labels", default=None)
    env: list[str] | None = field(name="Env", default=None)
    healthcheck: HealthCheck | None = field(name="Healthcheck", default=None)


class Mount(Struct, frozen=True):
    source: str = field(name="Source", default="")
    place: str = field(name="Destination", default="")


class RestartPolicy(Struct, frozen=True):
    name: str = field(name="Name", default="")


class HostSettings(Struct, frozen=True):
    restart: RestartPolicy = field(name="RestartPolicy", default=RestartPolicy())


class Container(Struct, frozen=True):
    id: str = field(name="Id")
    state: Status = field(name="State")
    config: Settings = field(name="Config")
    mounts: list[Mount] | None = field(name="Mounts", default=None)
    host: HostSettings = field(name="HostConfig", default=HostSettings())
    created: str = field(name="Created", default="")
    image_id: str = field(name="Image", default="")

    @property
    def checks(self) -> HealthCheck | None:
        """Its HEALTHCHECK, from the image or the compose file."""
        found = self.config.healthcheck
        return found if found and found.test and found.test[0] != "NONE" else None

    @property
    def health(self) -> Health:
        return self.state.health or self.state.healthcheck or Health()

    @property
    def one_off(self) -> bool:
        """Whether `compose run` has started it: no part of what runs for good."""
        return (self.config.labels or {}).get(ONE_OFF) == "True" or self.value(ONE_SHOT) is not None

    @property
    def comes_back(self) -> bool:
        """Whether the engine starts it again when it dies."""
        return self.host.restart.name in ("always", COMES_BACK)

    @property
    def service(self) -> str:
        return (self.config.labels or {}).get(SERVICE, "")

    @property
    def project(self) -> str:
        return (self.config.labels or {}).get(PROJECT, "")

    def runs(self, image: str) -> bool:
        """Whether this is the image that it was started from; podman writes its registry out."""
        return not image or self.config.image == image or self.config.image.endswith(f"/{image}")

    @property
    def folder(self) -> str:
        """That of its compose file."""
        return (self.config.labels or {}).get(FOLDER, "")

    def value(self, name: str) -> str | None:
        """Of a variable of its environment."""
        found = [entry for entry in self.config.env or [] if entry.startswith(f"{name}=")]
        return found[0].partition("=")[2] if found else None

    def agrees(self, env: Mapping[str, str]) -> bool:
        """Whether what it has of `env` has the same values."""
        own = dict(entry.split("=", 1) for entry in self.config.env or [] if "=" in entry)
        return all(own.get(key, value) == value for key, value in env.items())


class Rendered(Struct, frozen=True):
    services: dict[str, Any]


class Engine:
    """Every method raises Failed when the engine fails, hangs or is absent."""

    def __init__(
        self, commands: Commands, root: Path, slotted: Iterable[str] = (), patience: float = 30
    ) -> None:
        """`slotted`: the compose services that are slots.

        `patience`: seconds for each command that looks for containers.
        """
        self.commands = commands
        self.root = root
        self.slotted = frozenset(slotted)
        self.patience = patience
        self._configs: dict[object, tuple[float, str | Refused]] = {}  # by what was asked: when, the answer

    @classmethod
    def detect(cls, config: Config, root: Path, noted: str | None = None) -> "Engine":
        """The engine that bgctl.toml names, else the one noted, else the first that answers. Raises Refused.

        One that is noted has the containers: while it is silent, another would start a second stack.
        """
        named = None if config.project.engine == "auto" else config.project.engine
        silent: dict[str, str] = {}
        for binary in [only] if (only := named or noted) else enginefile.ENGINES:
            found = cls._ask(binary, config, root)
            if isinstance(found, Engine):
                return found
            silent[binary] = found
        if noted and not named:
            what, start = f"{noted}, on which this project runs, {silent[noted]}", f"start {noted}"
            raise Refused(what, "its containers are there", f"{start}, or name another engine in bgctl.toml")
        why = "; ".join(f"{binary} {reason}" for binary, reason in silent.items())
        raise Refused("no container engine is usable", why, "start docker, or install podman")

    @classmethod
    def _ask(cls, binary: str, config: Config, root: Path) -> "Engine | str":
        """The engine, or why it cannot be used."""
        if not runner.which(binary):
            return "is not installed"
        if binary == "podman":
            user_session.find(os.getuid())
        try:
            slotted = [f"{name}-{slot}" for name in config.slotted for slot in SLOTS]
            engine = cls(_commands(binary, config, root), root, slotted)
            engine.rootless  # noqa: B018  (asking is the test)
        except Refused as error:
            return f"{error.what.removeprefix(binary).strip()}: {error.why}"
        except Failed as error:
            return f"does not answer ({error.why.splitlines()[-1] if error.why else error.what})"
        return engine

    @property
    def name(self) -> str:
        return self.commands.binary

    @property
    def compose_command(self) -> str:
        return " ".join(self.commands.compose)

    @cached_property
    def rootless(self) -> bool:
        answer = runner.run(self.commands.info(), timeout=20)
        return "rootless" in answer or answer.strip() == "true"

    def storage(self) -> dict[str, Path]:
        """The folder of its images and containers, by what it is for; empty where it does not say."""
        try:
            return {"images and containers": Path(runner.run(self.commands.storage(), timeout=20).strip())}
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
        found = Compose.parse(self._config(self.told(env)))
        return found if self.commands.compose[0].endswith("podman-compose") else found.with_single_dollars()

    def rendered(self, env: Mapping[str, str] | None) -> dict[str, Any]:
        """Its services, with all that is written there. None: as who types `compose config` gets them."""
        text = self._config({} if env is None else self.told(env))
        return msgspec.yaml.decode(text, type=Rendered).services

    def _config(self, told: Mapping[str, str]) -> str:
        """What `config` prints. One command asks for the same many times, and each takes up to a second."""
        compose_files.check(self.commands.files, self.root)
        asked, now = (frozenset(told.items()), self._marks()), time.monotonic()
        known = self._configs.get(asked)
        if known is None or now - known[0] > FRESH:
            known = self._configs[asked] = (now, self._config_or_refusal(told))
        if isinstance(known[1], Refused):
            refused = known[1]
            raise Refused(refused.what, refused.why, refused.next)
        return known[1]

    def _config_or_refusal(self, told: Mapping[str, str]) -> str | Refused:
        try:
            return self._config_anew(told)
        except Refused as error:
            return error

    def _marks(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What differs once the compose files or the env file have been written."""

        def mark(path: Path) -> tuple[int, int, int] | None:
            try:
                found = path.stat()
            except OSError:
                return None
            return found.st_ino, found.st_mtime_ns, found.st_size

        return tuple(mark(self.root / name) for name in (*self.commands.files, self.commands.env_file))

    def _config_anew(self, told: Mapping[str, str]) -> str:
        try:
            return self._run(self.commands.config(), told, 60)
        except runner.Ended as error:
            command = "docker compose" if self.commands.is_plugin else Path(self.commands.compose[0]).name
            files = ", ".join(Path(file).name for file in self.commands.files)
            raise Refused(f"{command} refuses {files}", f"it says: {error.why}", f"edit {files}") from None

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
            if mount.place == RENDERED
        ]

    def _inspect(self, listing: list[str]) -> list[Container]:
        ids = runner.run(listing, timeout=self.patience).split()
        if not ids:
            return []
        found = runner.run(self.commands.inspect(*ids), timeout=self.patience)
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

    def volumes(self) -> set[str]:
        """The names of all that are on this engine."""
        return set(runner.run(self.commands.volumes(), timeout=30).split())

    def image_volumes(self, image: str) -> set[str]:
        """Where an image says that data is kept (VOLUME); nothing for one that is not here."""
        try:
            text = runner.run(self.commands.image_volumes(image), timeout=20)
        except Failed:
            return set()
        return set(msgspec.json.decode(text, type=dict[str, Any] | None) or {})

    def containers(self) -> dict[str, Container]:
        """By service; a running one where a service has several. Without those of `compose run`."""
        return {each.service: each for each in self.all() if not each.one_off}

    def look(self, service: str) -> Container | None:
        """Its container, with the health that the engine's checks find just now."""
        found = self.containers().get(service)
        if self.name == "docker" or found is None or not (found.checks and found.state.running):
            return found
        with suppress(Failed):  # podman checks by systemd's timers, which need not be there
            runner.run(self.commands.check_health(found.id), timeout=60)
        return self.containers().get(service)

    def running(self, service: str, env: Mapping[str, str] | None = None) -> bool:
        """`env`: and was started with these settings."""
        found = self.containers().get(service)
        return found is not None and found.state.running and found.agrees(env or {})

    def dead(self, service: str) -> str | None:
        """Why a service cannot become healthy any more, or None while it still may."""
        found = self.containers().get(service)
        if found is None:
            return "its container is gone"
        if found.state.running or found.state.status in ("created", "restarting"):
            return None
        return f"its container exited with code {found.state.exit_code}"

    def up(self, service: str, env: Mapping[str, str], grace: float = 10) -> None:
        """Starts a service anew.

        The old container goes first: docker-compose 1.29 cannot recreate one on newer engines. It stays where
        the compose file is refused.
        """
        told = self.told(env)
        self._config(told)
        self.remove(service, grace)
        self._run(self.commands.up(service), told, 180)

    def start(self, container: Container) -> None:
        """Starts one that is there and does not run, with all that it had."""
        runner.run(self.commands.start(container.id), timeout=60)

    def run_once(self, service: str, version: str, env: Mapping[str, str]) -> None:
        """Starts a container of the service beside all others, and does not wait for its end."""
        command = self.commands.run_once(service, version)
        self._run(command, self.told(env), 180)

    def one_shots(self, service: str) -> list[Container]:
        """The containers that `run_once` has started, running ones last."""
        return [each for each in self.all() if each.service == service and each.value(ONE_SHOT) is not None]

    def remove_one(self, container: Container, grace: float = 10, volumes: bool = False) -> None:
        """Stops this container (SIGTERM, then `grace` seconds) and removes it."""
        if container.state.running:
            runner.run(self.commands.stop(container.id, grace), timeout=grace + 30)
        runner.run(self.commands.remove(container.id, volumes), timeout=30)

    def remove(self, service: str, grace: float) -> None:
        """Stops (SIGTERM, then `grace` seconds) and removes; nothing to do is fine.

        A slot's anonymous volumes go along: nothing would use them again, and each release leaves some. What
        others keep in theirs stays on the disk.
        """
        for each in self.all():
            if each.service == service:
                self.remove_one(each, grace, service in self.slotted)

    def down(self, env: Mapping[str, str]) -> None:
        """Removes the networks, and what of the compose file is still there; volumes stay."""
        self._run(self.commands.down(), self.told(env), 180)

    @cached_property
    def changes_restart(self) -> bool:
        """Whether a restart policy can be changed later on: podman has learned it with 5.1."""
        return self.name == "docker" or "--restart" in runner.run(self.commands.update_help(), timeout=20)

    def keep_running(self, service: str, wanted: bool) -> None:
        """From now on the engine starts it again when it dies, or does not. No container is fine.

        Raises Failed where it would be wanted, and the container was started without it for good.
        """
        for each in self.all():
            if each.service != service or each.comes_back == wanted:
                continue
            if self.changes_restart:
                runner.run(self.commands.restart(each.id, COMES_BACK if wanted else "no"), timeout=20)
            elif wanted:
                what = f"{service} does not come back by itself when it dies"
                why = f"this {self.name} cannot change that once it has started"
                mend = f"write restart: {RESTART_VARIABLE} for it in the compose file, for the next release"
                raise Failed(what, why, mend)

    def signal(self, service: str, signal: str) -> None:
        runner.run(self.commands.kill(self._id(service), signal), timeout=20)

    def exec(self, service: str, *argv: str) -> str:
        return runner.run(self.commands.exec(self._id(service), *argv), timeout=30, both=True)

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
        return runner.run(self.commands.logs(container, lines), timeout=20, both=True).strip()

    def has_image(self, image: str) -> bool:
        return bool(self.image_id(image))

    def image_id(self, image: str) -> str:
        """Which image has this name now; "": none is here."""
        try:
            return runner.run(self.commands.image(image), timeout=20).strip()
        except Failed:
            return ""

    def pull(self, image: str) -> None:
        try:
            runner.run(self.commands.pull(image), timeout=600)
        except Failed as error:
            raise reasons.of_transfer(error, self.name, "pull", image) from None

    def push(self, image: str) -> None:
        try:
            runner.run(self.commands.push(image), timeout=BUILD)
        except Failed as error:
            raise reasons.of_transfer(error, self.name, "push", image) from None

    def build(
        self, services: Sequence[str], env: Mapping[str, str], tell: Callable[[str], None] | None = None
    ) -> None:
        """As the compose file says. What fails is mostly told on standard output: the last lines of both.

        `tell` gets each instruction as it begins.
        """
        said: list[str] = []

        def hear(line: str) -> None:
            said.append(line)
            if tell and _INSTRUCTION.match(line):
                tell(self._without_secrets(line.strip()))

        try:
            self._run(self.commands.build(*services), self.told(env), BUILD, hear)
        except Failed as error:
            detail = self._without_secrets("\n".join(line for line in said[-DETAIL:] if line.strip()))
            again = self.build_by_hand(services, env)
            raise reasons.of_build(error, detail, self.name, ", ".join(services), again) from None

    def build_by_hand(self, services: Sequence[str], env: Mapping[str, str]) -> str:
        """The command to type for that."""
        versions = [f"{name}={env[name]}" for name in VERSIONS if env.get(name)]
        return shlex.join([*versions, *self.commands.build(*services)])

    def _id(self, service: str) -> str:
        if found := self.containers().get(service):
            return found.id
        raise Failed(f"{service} has no container", "it is not running", "bgctl up")

    def told(self, env: Mapping[str, str]) -> dict[str, str]:
        """What the compose command is told, over the env file."""
        # Where the policy cannot be changed later on, green has to have it from its start.
        restart = "no" if self.changes_restart else COMES_BACK
        ours = {"BGCTL_USER": self.user, "BGCTL_GREEN_RESTART": restart, **env}
        return {**self._derived(ours), **ours}

    def _derived(self, env: Mapping[str, str]) -> dict[str, str]:
        """What the env file says by way of ${VERSION}, with the version of this start.

        docker-compose and podman-compose read such a line with the file's own version; the plugin as here.
        What is exported to this process comes before the file, here as there.
        """
        if self.commands.is_plugin:
            return {}
        try:
            found = envfile.load_derived(self.root / self.commands.env_file, env)
        except BgctlError:
            return {}  # a broken one keeps no rollback out
        return {name: value for name, value in found.items() if name not in os.environ}

    def _run(
        self,
        argv: Sequence[str],
        told: Mapping[str, str],
        timeout: float,
        tell: Callable[[str], None] | None = None,
    ) -> str:
        """A compose command, whose complaints may quote a value of the env file."""
        try:
            return runner.run(argv, timeout=timeout, env=told, cwd=self.root, tell=tell)
        except Failed as error:
            why = self._without_secrets(error.why)
            raise type(error)(error.what, why, error.next, error.detail) from None

    def _without_secrets(self, said: str) -> str:
        """With the names of the env file instead of what they stand for."""
        try:
            values = envfile.load(self.root / self.commands.env_file)
        except BgctlError:
            return said
        hidden = [pair for pair in values.items() if pair[0] not in VERSIONS and len(pair[1]) >= SECRET]
        for name, value in sorted(hidden, key=lambda pair: len(pair[1]), reverse=True):
            said = said.replace(value, f"${{{name}}}")
        return said


def container_user(rootless: bool, uid: int, gid: int) -> str:
    """uid:gid in the containers: the image's for root, else the operator's, whom rootless maps to 0."""
    if rootless:
        return "0:0"
    return f"{IMAGE_USER}:{IMAGE_USER}" if uid == 0 else f"{uid}:{gid}"


def _commands(binary: str, config: Config, root: Path) -> Commands:
    project = config.project
    files = compose_files.choose(project, root).names
    return Commands(binary, _compose_command(binary), project.name, files, project.env_file)


def _compose_command(binary: str) -> tuple[str, ...]:
    """Raises Refused when the engine has no compose command."""
    separate = {"docker": "docker-compose", "podman": "podman-compose"}[binary]
    options = ("--in-pod=false",) if binary == "podman" else ()
    if binary == "docker" and _answers(binary, "compose", "version"):
        return (binary, "compose")
    if path := runner.which(separate):
        return (separate if Path(path).parent != Path(sys.executable).parent else path, *options)
    if binary == "podman" and _answers(binary, "compose", "version"):
        return (binary, "compose")
    raise Refused(f"{binary} has no compose command", f"install {separate}", "bgctl doctor")


def _answers(*argv: str) -> bool:
    try:
        runner.run(argv, timeout=20)
    except Failed:
        return False
    return True
