"""state/state.json on disk, read strictly and written in one step. state.json.last is a copy of it."""

import shlex
from contextlib import suppress
from pathlib import Path

from toolkit.errors import Failed, Refused
from toolkit.files import atomic
from toolkit.files.atomic import NotSynced
from toolkit.state import document
from toolkit.state.document import State


def read(path: Path) -> State:
    """Raises Refused when there is none, Failed when what is there cannot be used."""
    try:
        return document.decode(path.read_bytes())
    except FileNotFoundError:
        raise Refused("nothing has been started here", f"{path} does not exist", "bgctl up") from None
    except (OSError, ValueError) as error:
        raise Failed(f"{path} cannot be used", str(error), _mend(path)) from None


def write(path: Path, new: State) -> None:
    """Raises Failed with the old file intact, NotSynced with the new one in force.

    A state that proxies would refuse is a bug in bgctl: it is not written, and AssertionError is raised.
    """
    if problem := document.problem_of(new):
        raise AssertionError(problem)
    try:
        atomic.write(path, document.encode(new))
    except NotSynced:
        _keep(_last(path), document.encode(new))
        raise
    _keep(_last(path), document.encode(new))


def remove(path: Path) -> None:
    """Removes it and its copy, if they are there."""
    for each in (path, _last(path)):
        each.unlink(missing_ok=True)


def _keep(path: Path, data: bytes) -> None:
    """Keeps a copy of the state in force, or none: an earlier state would take a switch back."""
    try:
        atomic.write(path, data)
    except NotSynced:
        pass
    except Failed:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _mend(path: Path) -> str:
    last = _last(path)
    with suppress(OSError, ValueError):
        document.decode(last.read_bytes())
        return f"cp {shlex.quote(str(last))} {shlex.quote(str(path))}"
    return "mend it, or remove it and run: bgctl up (blue is then CURRENT_VERSION; a release ends)"


def _last(path: Path) -> Path:
    return path.with_name(f"{path.name}.last")
