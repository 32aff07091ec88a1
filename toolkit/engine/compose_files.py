"""Which files make up a compose file: those that bgctl.toml names, else what plain compose would take."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from toolkit.config import ProjectTable
from toolkit.errors import BgctlError, Refused
from toolkit.files import env_file

# Compose's own order. docker-compose 1.29 has another one, and podman-compose merges all that it finds:
# every compose command is told the files that were chosen here, so that all of them agree.
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
FILE, SEPARATOR, NAME = "COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_PROJECT_NAME"


class Chosen(Struct, frozen=True):
    """The chosen files, relative to the project's folder. `source` names them; "": they were found."""

    names: tuple[str, ...]
    source: str = ""


def choose(project: ProjectTable, root: Path) -> Chosen:
    """The files that bgctl.toml names, else those of COMPOSE_FILE, else those that compose would find."""
    if project.compose_files:
        return Chosen(project.compose_files, "bgctl.toml")
    beside = variables(root / project.env_file)
    for source, values in (("the environment", os.environ), (str(project.env_file), beside)):
        if named := values.get(FILE):
            separator = {**beside, **os.environ}.get(SEPARATOR) or os.pathsep
            return Chosen(tuple(name for name in named.split(separator) if name), f"{FILE} of {source}")
    return Chosen(((present(root, NAMES) or NAMES)[0], *present(root, OVERRIDES)[:1]))


def check(names: tuple[str, ...], root: Path) -> None:
    """Raises Refused for a file that is not there, or that compose would take for another folder's."""
    for name in names:
        if not (root / name).is_file():
            if names[:1] == NAMES[:1] and not present(root, NAMES):
                mend = 'write compose.yaml, or name yours in bgctl.toml: [project] compose_file = "FILE"'
                raise Refused(f"there is no compose file in {root}", "bgctl starts what it describes", mend)
            mend = "write it, or name others in bgctl.toml: [project] compose_file"
            raise Refused(f"{name} does not exist in {root}", "it is part of the compose file", mend)
        if not os.access(root / name, os.R_OK, effective_ids=True):
            who = f"it is not for user {os.geteuid()} to read"
            raise Refused(f"{name} cannot be read in {root}", who, f"ls -l {root / name}")
    if (root / names[0]).parent.resolve() != root.resolve():
        why = "compose reckons all paths from the folder of the first file, and bgctl from that of bgctl.toml"
        raise Refused(f"{names[0]} lies in another folder", why, "move bgctl.toml beside it")


def present(root: Path, names: tuple[str, ...]) -> list[str]:
    """Which of these files are there."""
    return [name for name in names if (root / name).is_file()]


def variables(path: Path) -> dict[str, str]:
    """The variables of the env file at `path`; empty where it cannot be read: other looks tell of that."""
    try:
        return env_file.load(path)
    except BgctlError:
        return {}


def plain_name(project: ProjectTable, root: Path, paths: tuple[Path, ...]) -> str:
    """The project name that compose gives to this folder by itself."""
    named: Mapping[str, str] = {**variables(root / project.env_file), **os.environ}
    if name := named.get(NAME):
        return name
    for path in reversed(paths):
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        if match := re.search(r"(?m)^name:\s*[\"']?([a-z0-9][\w-]*)", text):
            return match[1]
    return re.sub(r"[^a-z0-9_-]", "", root.name.lower()).lstrip("_-")
