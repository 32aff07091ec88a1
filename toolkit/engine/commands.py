"""The engine's and compose's command lines. They are only built here: `process` runs them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.config.engines import ENGINES, ComposeKind, EngineKind
from toolkit.engine.container import FOLDER, ONE_SHOT, PROJECT, RENDERED

PROFILE = "deployment"  # green's: plain compose does not start it


@dataclass(frozen=True)
class Commands:
    """The command lines for one project, each as a list of words.

    `binary` is the engine's program. `compose` is the compose command with its options. `files` make up the
    compose file, in this order.
    """

    binary: str
    compose: tuple[str, ...]
    project: str
    files: tuple[str, ...]
    env_file: str

    @property
    def piped(self) -> "Commands":
        """The same for a compose file that the compose command reads from its standard input."""
        return self.reading("-")

    def reading(self, file: str) -> "Commands":
        """The same for another compose file."""
        return replace(self, files=(file,))

    @property
    def kind(self) -> EngineKind:
        return ENGINES[self.binary]

    @property
    def compose_kind(self) -> ComposeKind:
        return self.kind.compose_kind(self.compose)

    def info(self) -> list[str]:
        """The answer says whether the engine runs without root."""
        return [self.binary, "info", "--format", self.kind.rootless_format]

    def storage(self) -> list[str]:
        """The answer is the folder of its images and containers."""
        return [self.binary, "info", "--format", self.kind.storage_format]

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

    def try_out(
        self, image: str, folder: Path, target: str, user: str, families: Sequence[str], *argv: str
    ) -> list[str]:
        """Runs an image once, with one folder of this host, and connected to nothing.

        It may listen at any address of these families ("ipv4"): there, all are nobody's.
        """
        apart = [word for each in families for word in ("--sysctl", f"net.{each}.ip_nonlocal_bind=1")]
        bound = ["--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp:mode=1777", "--user", user]  # noqa: S108
        mount = f"type=bind,source={folder},target={target},readonly"
        return [
            self.binary,
            "run",
            "--rm",
            "--network",
            "none",
            *apart,
            *bound,
            "--mount",
            mount,
            image,
            *argv,
        ]

    def create(self, service: str) -> list[str]:
        """Makes the networks that it needs as well, where they are missing."""
        return [*self._compose(), "up", "--no-start", "--no-deps", service]

    def join(self, network: str, container: str, aliases: Sequence[str]) -> list[str]:
        """In that network the container is found by these names."""
        named = [word for alias in aliases for word in ("--alias", alias)]
        return [self.binary, "network", "connect", *named, network, container]

    def leave(self, network: str, container: str) -> list[str]:
        return [self.binary, "network", "disconnect", network, container]

    def networks(self) -> list[str]:
        """The answer is the names of all networks on this engine."""
        return [self.binary, "network", "ls", "--format", "{{.Name}}"]

    def start(self, container: str) -> list[str]:
        return [self.binary, "start", container]

    def check_health(self, container: str) -> list[str]:
        return [self.binary, "healthcheck", "run", container]

    def ids(self) -> list[str]:
        """The answer is the ids of this project's containers, as in all commands that look for some."""
        return self.of_project(self.project)

    def proxies(self) -> list[str]:
        """The answer is the ids of all proxies on this engine, by what was rendered for each."""
        return [self.binary, "ps", "--quiet", "--filter", f"volume={RENDERED}"]

    def inspect(self, *ids: str) -> list[str]:
        return [self.binary, "inspect", *ids]

    def stop(self, container: str, grace: float) -> list[str]:
        return [self.binary, "stop", "-t", str(math.ceil(grace)), container]

    def remove(self, container: str, volumes: bool = False) -> list[str]:
        """`volumes`: its anonymous volumes are removed too; those that have a name stay in any case."""
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

    def copy(self, container: str, source: str, target: Path) -> list[str]:
        """Copies a folder out of a container; `target` must not be there, and becomes that folder."""
        return [self.binary, "cp", f"{container}:{source}", str(target)]

    def exec(self, container: str, *argv: str) -> list[str]:
        return [self.binary, "exec", container, *argv]

    def attached(self, container: str, argv: Sequence[str], terminal: bool, user: str = "") -> list[str]:
        """As `exec`, with our own standard input; `terminal`: the command gets one of its own."""
        options = ["--interactive", *["--tty"] * terminal, *(["--user", user] if user else [])]
        return [self.binary, "exec", *options, container, *argv]

    def typed(self, words: Sequence[str], folder: Path | None = None) -> list[str]:
        """Any subcommand of the compose command. `folder` is the project's, where it must be told."""
        line = self._compose()
        told = ["--project-directory", str(folder)] if folder else []
        return [*line, *told, *words]

    def image(self, name: str) -> list[str]:
        """The answer is its id and, after a space, the places where it keeps data (VOLUME), as JSON."""
        return [self.binary, "image", "inspect", "--format", "{{.Id}} {{json .Config.Volumes}}", name]

    def image_facts(self, name: str) -> list[str]:
        return [self.binary, "image", "inspect", name]

    def image_config(self, name: str) -> list[str]:
        return [self.binary, "image", "inspect", "--format", "{{json .Config}}", name]

    def of_folder(self, root: Path) -> list[str]:
        return [self.binary, "ps", "--all", "--quiet", "--filter", f"label={FOLDER}={root}"]

    def of_project(self, name: str) -> list[str]:
        return [self.binary, "ps", "--all", "--quiet", "--filter", f"label={PROJECT}={name}"]

    def of_name(self, name: str) -> list[str]:
        return [self.binary, "ps", "--all", "--quiet", "--filter", f"name=^{name}$"]

    def publishers(self, port: int) -> list[str]:
        """The answer is the names of the containers that publish a port of this host."""
        return [self.binary, "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"]

    def volumes(self) -> list[str]:
        return [self.binary, "volume", "ls", "--quiet"]

    def pull(self, name: str) -> list[str]:
        return [self.binary, "pull", name]

    def push(self, name: str, digest_file: Path | None = None) -> list[str]:
        """`digest_file` gets the digest that it has in its registry, where the engine notes none itself."""
        told = ["--digestfile", str(digest_file)] if digest_file else []
        return [self.binary, "push", *told, name]

    def tag(self, image: str, name: str) -> list[str]:
        return [self.binary, "tag", image, name]

    def remove_image(self, name: str) -> list[str]:
        """The name goes; the image itself goes with its last name only."""
        return [self.binary, "rmi", name]

    def users(self, image: str) -> list[str]:
        """The answer is the names of all containers on this engine that were started from an image."""
        return [self.binary, "ps", "--all", "--filter", f"ancestor={image}", "--format", "{{.Names}}"]

    def disk_use(self) -> list[str]:
        """The answer has a line for each kind of thing, such as "Images", with what all of them take."""
        return [self.binary, "system", "df", "--format", "{{.Type}}\t{{.Size}}"]

    def _compose(self) -> list[str]:
        files = [word for name in self.files for word in ("--file", name)]
        env = ["--env-file", self.env_file]
        # The profile is green's. Every command names its services, so none is started by the profile alone.
        return [*self.compose, "--project-name", self.project, *files, *env, "--profile", PROFILE]
