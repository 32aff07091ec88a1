"""Tells compose commands apart by the form in which they print a compose file."""

from pathlib import Path

from toolkit import __version__
from toolkit.engine import process
from toolkit.engine.commands import Commands
from toolkit.errors import Failed

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


def _file(program: str) -> str:
    try:
        found = Path(program).stat()
    except OSError:
        return program
    return f"{found.st_size} {found.st_mtime_ns}"
