"""When a drained node is empty: nothing is open, and nothing has come for a moment."""

from msgspec import Struct

from toolkit.clients.proxy import APPLY
from toolkit.clients.proxy_status import NodeStatus, Status
from toolkit.errors import BgctlError, Failed, MovedOn, NotYet
from toolkit.project import Project
from toolkit.release.node_place import Place
from toolkit.state import node
from toolkit.terminal import humanize

LOOK = 0.1  # seconds between two looks
QUIET = 1.0  # seconds in which nothing may come: also of two requests in a row, nothing is open in between


class Left(Struct, frozen=True):
    """What a node has open. `connections` are those beside requests and WebSockets of the slots.

    `still_comes`: requests came in the last moment before the look.
    """

    requests: int
    websockets: int
    connections: int
    still_comes: bool = False

    @property
    def empty(self) -> bool:
        return not (self.requests or self.websockets or self.connections or self.still_comes)

    def document(self, name: str) -> dict[str, object]:
        """What `bgctl node drain --json` prints of the node of this name."""
        return {
            "node": name,
            "drained": True,
            "empty": self.empty,
            "requests": self.requests,
            "websockets": self.websockets,
            "connections": self.connections,
            "stillComes": self.still_comes,
        }

    def __str__(self) -> str:
        if self.empty:
            return "nothing is open"
        counts = {"requests": self.requests, "WebSockets": self.websockets}
        counts["connections to other services"] = self.connections
        said = [humanize.many(count, name) for name, count in counts.items() if count]
        return ", ".join([*said, *["requests still come"] * self.still_comes])


class Traffic:
    """What comes, from one look to the next: `seconds` count from any moment.

    They are those of the status and not of the look: the same status seen twice says nothing of what comes.
    """

    def __init__(self) -> None:
        self._served: int | None = None
        self._since = 0.0

    def look(self, status: Status, seconds: float) -> Left:
        slots = status.slots.values()
        served = sum(slot.served or 0 for slot in slots)
        if served != self._served:
            self._served, self._since = served, seconds
        known = status.node or NodeStatus()
        counted = sum(slot.open for slot in slots)
        return Left(
            requests=status.open_requests,
            websockets=sum(slot.websockets for slot in slots),
            connections=max(0, known.busy_connections - counted),
            still_comes=seconds - self._since < QUIET,
        )


def wait(project: Project, place: Place, within: float) -> Left:
    """Returns what is left after `within` seconds, or as soon as the node is empty.

    Raises MovedOn when the node is drained no more, and Failed when the proxy has said nothing for a while.
    """
    traffic, left, known = Traffic(), None, 0.0
    for seconds in project.clock.every(LOOK, within=max(within, QUIET + place.lag)):
        try:
            status, at = place.dated()
        except BgctlError:
            if seconds - known > APPLY:
                break
            continue
        if status.node and not status.node.drain:
            raise MovedOn("the node is ready again", "another bgctl has said so", "bgctl status")
        left, known = traffic.look(status, at), seconds
        if left.empty:
            return left
        if seconds >= QUIET:
            project.ui.progress(str(left))
    if left is None or seconds - known > APPLY:
        raise Failed("what this node has open is unknown", "the proxy does not answer", "bgctl doctor")
    return left


def check(left: Left, path: str, typed: str = "") -> None:
    """Raises NotYet unless the node is empty; `typed` is what follows a command that means it."""
    if left.empty:
        return
    if left.still_comes:
        why = f"{left}: is there a load balancer that does not ask at {path}?"
        next = f"bgctl node drain{typed}, or: {node.READY}{typed}"
        raise NotYet("the node is drained, and not empty", why, next)
    next = f"bgctl node drain{typed}   (waits on; to stop the stack now cuts them), or: {node.READY}{typed}"
    raise NotYet("the node is drained, and not empty", f"{left} are open", next)
