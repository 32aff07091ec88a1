"""A folder before it has a bgctl.toml: its compose files as the compose command understands them."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit.config import Config, ProjectTable
from toolkit.config.kinds import Engine as EngineName
from toolkit.config.kinds import FileName, Name
from toolkit.engine import compose_files, compose_lines, detection
from toolkit.engine.compose import Compose
from toolkit.engine.compose_files import Chosen
from toolkit.engine.container import Container
from toolkit.engine.engine import Engine
from toolkit.errors import Failed, Refused, together
from toolkit.files import env_file
from toolkit.files.env_file import VERSIONS
from toolkit.init.guesses import Guess
from toolkit.init.plan import Given

ENV = ".env"
UNKNOWN = Name("bgctl-init")  # stands for the project's name until that is known


class Surroundings(Struct, frozen=True):
    """`chosen` are the compose files, and `active` the profiles in use. `containers` are by service."""

    root: Path
    engine: Engine
    found: Compose
    chosen: Chosen
    active: frozenset[str]
    name: Guess[str]
    containers: dict[str, Container]

    @property
    def paths(self) -> list[Path]:
        return [self.root / name for name in self.chosen.names]

    @property
    def files(self) -> str:
        """For messages."""
        return ", ".join(self.chosen.names)

    def running(self, service: str) -> Container | None:
        """Its container, if that runs."""
        container = self.containers.get(service)
        return container if container and container.state.running else None


def look(root: Path, given: Given) -> Surroundings:
    """Raises Refused without compose files or an engine, or in the compose command's own words."""
    project = ProjectTable(
        UNKNOWN, given.compose_files, FileName(ENV), EngineName.parse(given.engine or "auto")
    )
    chosen = compose_files.choose(project, root)
    _check_files(chosen, root)
    if (root / ENV).exists() and (broken := env_file.problems(root / ENV)):
        raise together(broken)
    name = _plain_name(project, root, chosen)
    with tempfile.TemporaryDirectory() as folder:
        if not (root / ENV).exists():  # docker-compose insists on the file that it is told
            empty = Path(folder) / "empty.env"
            empty.touch()
            project = replace(project, env_file=FileName(empty))
        config = Config(replace(project, name=Name(name), compose_file=chosen.names))
        engine = detection.detect(config, root)
        plain = Engine(engine.commands, root)  # without a configuration it derives nothing of these files
        found = _in_order(_compose(plain, root, given.version), [root / each for each in chosen.names])
    _check_env_files(found, root)
    known = compose_files.variables(root / ENV)
    active = {**known, **os.environ}.get("COMPOSE_PROFILES", "")
    guess, containers = _own_name(engine, name)
    return Surroundings(root, engine, found, chosen, frozenset(active.split(",")), guess, containers)


def _check_files(chosen: Chosen, root: Path) -> None:
    if not chosen.source and not (root / chosen.names[0]).is_file():
        why = f"bgctl init reads what is there: {', '.join(compose_files.NAMES)}"
        mend = "bgctl init --compose-file FILE, or in another folder: bgctl --project DIR init"
        raise Refused(f"there is no compose file in {root.resolve()}", why, mend)
    for each in chosen.names:
        if not (root / each).is_file():
            source = "--compose-file" if chosen.source == "bgctl.toml" else chosen.source
            what = f"{each} does not exist in {root.resolve()}"
            raise Refused(what, f"{source} names it", "bgctl init --compose-file FILE")
    compose_files.check(chosen.names, root)


def _plain_name(project: ProjectTable, root: Path, chosen: Chosen) -> str:
    paths = tuple(root / name for name in chosen.names)
    name = compose_files.plain_name(project, root.resolve(), paths)
    try:
        return Name.parse(name)
    except ValueError:
        why = f"compose makes {name!r} of it, which is no name of a project"
        mend = f"echo {compose_files.NAME}=shop >> {ENV}, then: bgctl init"
        raise Refused(f"{root.resolve()} has no name for a project", why, mend) from None


def _compose(engine: Engine, root: Path, version: str) -> Compose:
    """Asked without a version first: a file that insists on one gets the first that there is."""
    told: Mapping[str, str] = dict.fromkeys(VERSIONS, version) if version else {}
    try:
        return engine.compose(told)
    except Refused as error:
        said = f"{error.why} {error.what}"
        if not told and any(name in said for name in VERSIONS):
            return engine.compose(dict.fromkeys(VERSIONS, "1"))
        if not (root / ENV).exists() and ENV in said:
            raise Refused(error.what, error.why, f"touch {ENV}, then: bgctl init") from None
        mend = f"{error.next}, then: bgctl init"
        raise Refused(error.what, error.why, mend) from None


def _in_order(found: Compose, paths: list[Path]) -> Compose:
    names = [name for name in compose_lines.services(paths) if name in found.services]
    return replace(found, services={name: found.services[name] for name in [*names, *found.services]})


def _check_env_files(found: Compose, root: Path) -> None:
    """podman-compose looks for them only when it starts a container."""
    for service, each in found.services.items():
        for name in each.env_files:
            if not (root / name).is_file():
                why = f"{service} has its env_file there, and does not start without it"
                raise Refused(f"{name} does not exist in {root}", why, f"touch {name}, then: bgctl init")


def _own_name(engine: Engine, plain: str) -> tuple[Guess[str], dict[str, Container]]:
    """The project's name, and its containers: those of this folder may run under another name."""
    try:
        own = engine.containers()
        others = [] if own else engine.elsewhere()
    except Failed:
        own, others = {}, []
    names = {each.project for each in others}
    if len(names) == 1 and (name := names.pop()):
        theirs = {each.service: each for each in others if not each.one_off}
        return Guess(name, "the project of the containers of this folder"), theirs
    return Guess(plain, "what plain compose calls this project"), own
