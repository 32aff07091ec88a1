"""state/state.json on disk: read strictly, written in one step."""

from pathlib import Path

from toolkit import atomic, state
from toolkit.errors import Failed, Refused
from toolkit.state import State


def read(path: Path) -> State:
    """Raises Refused when there is none, Failed when what is there cannot be used."""
    try:
        return state.decode(path.read_bytes())
    except FileNotFoundError:
        raise Refused("nothing has been started here", f"{path} does not exist", "bgctl up") from None
    except (OSError, ValueError) as error:
        raise Failed(f"{path} cannot be used", str(error), "bgctl doctor") from None


def write(path: Path, new: State) -> None:
    """Raises Failed with the old file intact. What proxies would refuse is a bug here, and not written."""
    if problem := state.problem_of(new):
        raise AssertionError(problem)
    atomic.write(path, state.encode(new))
