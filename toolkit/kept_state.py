"""Where the state of a project is kept: in a file of this host, or in Redis for the nodes of a swarm."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from toolkit.errors import Refused
from toolkit.files import state_file
from toolkit.state.document import State

if TYPE_CHECKING:
    from toolkit.cluster.cluster import Cluster
    from toolkit.cluster.lease import Holder

# Commands that start the agents, or stop them: they cannot ask that every node is heard before.
WITHOUT_AGENTS = ("up", "down")


class KeptState(Protocol):
    """The one place of a project's state."""

    def exists(self) -> bool: ...

    def read(self) -> State:
        """Raises Refused when there is none, Failed when what is there cannot be used."""

    def write(self, new: State) -> None:
        """Raises Failed with the old state in force, NotSynced with the new one in force."""

    def change(self, what: str, command: str, wait: float) -> AbstractContextManager["Holder | None"]:
        """What has to be held while the state is changed, beside the lock of this host.

        Gives who held it before, on whichever host, and did not come to an end.
        """


class OnThisHost:
    """In state/state.json, which the proxy and the session API of this host read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        return self._path.exists()

    def read(self) -> State:
        return state_file.read(self._path)

    def write(self, new: State) -> None:
        state_file.write(self._path, new)

    def change(self, what: str, command: str, wait: float) -> AbstractContextManager["Holder | None"]:
        return nullcontext()


class OnAllNodes:
    """In Redis, from where each node's agent brings it into a file."""

    def __init__(self, cluster: "Cluster", without: frozenset[str] = frozenset()) -> None:
        """`without`: the nodes that need not be heard."""
        self._cluster, self._without = cluster, without

    def exists(self) -> bool:
        return self._cluster.state() is not None

    def read(self) -> State:
        if found := self._cluster.state():
            return found
        raise Refused("nothing has been started here", "Redis has no state of this project", "bgctl up")

    def write(self, new: State) -> None:
        self._cluster.publish(new)

    @contextmanager
    def change(self, what: str, command: str, wait: float) -> "Iterator[Holder | None]":
        with self._cluster.change(command, wait, self._without, starts=what in WITHOUT_AGENTS) as lost:
            yield lost
