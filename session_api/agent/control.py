"""Asks the control listener of this node's proxy what its workers have applied."""

from http.client import HTTPConnection, HTTPException

import msgspec
from msgspec.structs import replace

WITHIN = 1.0  # seconds
MOST = 1 << 20  # bytes of an answer


class _Worker(msgspec.Struct, frozen=True):
    generation: int | None = None
    exiting: bool = False
    drained: bool = False


class Status(msgspec.Struct, frozen=True):
    """As much of the answer as matters here, and all of it as `text`."""

    workers: list[_Worker]
    expected: int = msgspec.field(name="workersExpected")
    began: float | None = msgspec.field(name="startedAt", default=None)  # Unix time of this proxy's start
    text: bytes = b""

    def applied(self, generation: int) -> bool:
        live = [worker.generation for worker in self.workers if not worker.exiting]
        return len(live) >= self.expected and set(live) <= {generation}

    def grants(self, drain: bool) -> bool:
        """Whether its workers go by a node.json that drains the node; not `drain`: by one that does not."""
        return all(worker.drained == drain for worker in self.workers if not worker.exiting)


class Control:
    """A kept-alive connection to it; `address` is ADDRESS:PORT."""

    def __init__(self, address: str) -> None:
        self._connection = HTTPConnection(address, timeout=WITHIN)

    def status(self) -> Status:
        """Raises OSError for no answer, ValueError for one that is not our proxy's."""
        kept = self._connection.sock is not None
        try:
            status, text = self._ask()
        except ConnectionError:
            if not kept:
                raise
            status, text = self._ask()  # the connection was closed while it lay idle
        if status != 200:
            raise ValueError(f"status {status}")
        return replace(msgspec.json.decode(text, type=Status), text=text)

    def _ask(self) -> tuple[int, bytes]:
        try:
            self._connection.request("GET", "/status")
            answer = self._connection.getresponse()
            text = answer.read(MOST)
            if not answer.isclosed():  # there is more: what was read is no JSON, and is refused as such
                self._connection.close()
        except (OSError, HTTPException) as error:
            self._connection.close()
            if isinstance(error, OSError):
                raise
            raise ValueError(f"it does not speak HTTP: {error!r}") from None
        return answer.status, text
