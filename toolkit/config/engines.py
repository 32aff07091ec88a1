"""The container engines that a project may run on: one record each. Another engine is another record here.

These are facts only, so that configuration, files and messages can name the engines. What starts their
commands is toolkit/engine/.
"""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace


class ComposeKind(Struct, frozen=True):
    """A compose command. It is recognised by its `words`: the program's name, then a subcommand."""

    words: tuple[str, ...]
    options: tuple[str, ...] = ()
    # Whether TAG=${VERSION} in the env file is resolved with the version that the command is told, not with
    # the one that stands in the file.
    resolves_env_file: bool = False
    # Whether `config` writes each $ of a value twice, so that its output could be read as a compose file.
    doubles_dollars: bool = True
    # Whether it can be told the project's folder; else that is the folder of the compose file.
    takes_folder: bool = True

    @property
    def is_plugin(self) -> bool:
        """Whether it is a subcommand of the engine's own program."""
        return len(self.words) > 1

    @property
    def name(self) -> str:
        return " ".join(self.words)

    def is_called_by(self, argv: tuple[str, ...]) -> bool:
        """Whether these are its words, with or without the path of the program."""
        called = [Path(word).name for word in argv[:1]] + list(argv[1:])
        return tuple(called[: len(self.words)]) == self.words


class EngineKind(Struct, frozen=True):
    """What is different from engine to engine.

    `compose` has the compose commands, the preferred one first; the one to advise is the first that is no
    plugin. The formats are Go templates for `info --format`.
    """

    name: str
    compose: tuple[ComposeKind, ...]
    rootless_format: str
    storage_format: str
    # Whether it runs HEALTHCHECKs by itself: podman leaves that to systemd's timers, which need not be there.
    runs_healthchecks: bool
    # Whether every version of it can change the restart policy of a container; else its help text is asked.
    changes_restart: bool
    # Whether it notes the digest under which a registry has what it has pushed; podman is asked for it.
    notes_pushed_digest: bool
    # Whether a rootless one needs its user's runtime folder (toolkit/engine/user_session.py).
    needs_user_session: bool
    units: tuple[str, ...]  # systemd's, that have started before containers run
    program: str = ""  # the engine's own, where that is called otherwise
    several_hosts: bool = False

    @property
    def binary(self) -> str:
        return self.program or self.name

    @property
    def separate_compose(self) -> str:
        """The compose command to install where there is none."""
        return next(each.name for each in self.compose if not each.is_plugin)

    def compose_kind(self, argv: tuple[str, ...]) -> ComposeKind:
        """The kind of the compose command that `argv` calls."""
        known = (each for each in self.compose if each.is_called_by(argv))
        return next(known, ComposeKind(tuple(Path(word).name for word in argv[:1])))


_DOCKER = EngineKind(
    name="docker",
    compose=(
        ComposeKind(("docker", "compose"), resolves_env_file=True),
        ComposeKind(("docker-compose",)),
    ),
    rootless_format="{{json .SecurityOptions}}",
    storage_format="{{.DockerRootDir}}",
    runs_healthchecks=True,
    changes_restart=True,
    notes_pushed_digest=True,
    needs_user_session=False,
    units=("docker.service",),
)
_PODMAN = EngineKind(
    name="podman",
    compose=(
        ComposeKind(
            ("podman-compose",), options=("--in-pod=false",), doubles_dollars=False, takes_folder=False
        ),
        ComposeKind(("podman", "compose")),
    ),
    rootless_format="{{.Host.Security.Rootless}}",
    storage_format="{{.Store.GraphRoot}}",
    runs_healthchecks=False,
    changes_restart=False,  # since 5.1
    notes_pushed_digest=False,
    needs_user_session=True,
    units=("podman.service", "podman-restart.service"),
)
# Several hosts with docker on each. To change the restart policy of a service would replace its containers.
SWARM = replace(_DOCKER, name="swarm", program="docker", several_hosts=True, changes_restart=False)
# By name, in the order in which they are tried where bgctl.toml says "auto". That never means a swarm: a
# project that is placed on several hosts is so because somebody has decided it.
ENGINES = {each.name: each for each in (_DOCKER, _PODMAN)}
NAMES = tuple(ENGINES)
KINDS = {**ENGINES, SWARM.name: SWARM}  # all that bgctl.toml can name
ANY = " or ".join(NAMES)  # for messages: "docker or podman"
