"""Tells compose commands apart by the form in which they print a compose file."""

import os
from pathlib import Path

from toolkit import __version__
from toolkit.config.engines import ENGINES
from toolkit.engine import process
from toolkit.engine.commands import Commands
from toolkit.errors import Failed

# Where docker looks for the program of `docker compose`, beside the user's own folder.
PLUGINS = [f"/usr/{place}/docker/cli-plugins" for place in ("local/lib", "local/libexec", "lib", "libexec")]
ANSWER = 20.0  # seconds for a compose command to say its version


def of(commands: Commands) -> str:
    """Another text for another compose command, another version of it, or another bgctl: it derives pairs.

    A program of its own is known by its file: to ask for its version takes some of them half a second.
    """
    words = commands.compose
    kind = commands.compose_kind
    if kind.is_plugin:
        try:
            said = process.run([*words, "version"], timeout=ANSWER).strip()
        except Failed:
            said = ""
    else:
        said = _file(process.which(words[0]) or words[0])
    return f"{kind.name} {said}; bgctl {__version__}"


def programs() -> list[str]:
    """Another list for another set of compose commands on this machine, each known by its file."""
    kinds = [kind for engine in ENGINES.values() for kind in engine.compose]
    own = sorted({kind.words[0] for kind in kinds} | set(ENGINES))
    users = Path(os.environ.get("DOCKER_CONFIG") or "~/.docker", "cli-plugins")
    folders = [users, *map(Path, PLUGINS)]
    plugins = sorted(str(each) for folder in folders for each in folder.expanduser().glob("docker-compose*"))
    return [f"{path} {_file(path)}" for path in [*filter(None, map(process.which, own)), *plugins]]


def _file(program: str) -> str:
    try:
        found = Path(program).stat()
    except OSError:
        return program
    return f"{found.st_size} {found.st_mtime_ns}"
