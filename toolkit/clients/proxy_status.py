"""What the proxy's control listener answers to GET /status: workers, slots, activity, gate and figures."""

from datetime import datetime

from msgspec import Struct, field

from toolkit.clients.figures import Figures
from toolkit.state.node import Node

SILENT = 10.0  # seconds without a delivery; the session API calls its counts unknown after as long


class Worker(Struct, frozen=True):
    """A worker process of nginx. `generation` is that of the state it routes by; None: it has none yet.

    `drained`: it goes by a node.json that drains the node.
    """

    pid: int
    generation: int | None
    exiting: bool = False
    drained: bool = False


class PassedOver(Struct, frozen=True):
    """A replica that gets no requests, because it is down."""

    address: str
    why: str


class PeerHealth(Struct, frozen=True):
    """What the proxy's own health checks say of a slot; `up` None: nothing yet. `since` is Unix time."""

    up: bool | None = None
    since: float | None = None
    why: str | None = None
    passed: list[PassedOver] = []


class Gate(Struct, frozen=True):
    """The gate as the proxy has it, and how many requests wait at it."""

    mode: str | None = None
    waiting: int = field(name="held", default=0)


class Slot(Struct, frozen=True):
    """A slot as the proxy has it.

    `open` counts what is in flight, WebSockets among it. `served` counts all requests since the proxy
    started, and `errors` the 5xx among them; None: an older proxy, which does not say.
    """

    version: str | None = None
    state: str | None = None
    weight: int | None = None
    open: int = 0
    websockets: int = 0
    served: int | None = field(name="requests", default=None)
    errors: int | None = None
    health: PeerHealth = PeerHealth()

    @property
    def open_requests(self) -> int:
        """Requests in flight, WebSockets left out."""
        return self.open - self.websockets


class Activity(Struct, frozen=True, rename="camel"):
    """The proxy's reports to the session API: rows waiting, and those delivered and lost since it started."""

    queued: int = 0
    delivered: int = 0
    dropped: int = 0
    last_delivery: float | None = None
    error: str | None = None

    def untold(self, now: datetime) -> str | None:
        """Why the session API may not know all that this proxy has seen; None: it does.

        The session API itself cannot tell: it forgets a proxy that does not report, as one that is gone.
        """
        return self.error or ("nothing is delivered" if self.is_stale(now) else None)

    def is_stale(self, now: datetime) -> bool:
        """Whether reports have stopped: they go out every second."""
        return self.last_delivery is None or now.timestamp() - self.last_delivery > SILENT


class Mirror(Struct, frozen=True):
    """Copies of requests that were sent to green since the proxy started; `dropped` ones were not sent."""

    version: str
    requests: int
    errors: int
    dropped: int


class NodeStatus(Node, frozen=True, rename="camel"):
    """What node.json says as the proxy has read it, and what load balancers are told at `path`.

    `confirmed`: the proxy goes by its state; of several nodes, each waits until its agent has heard Redis
    since the proxy began. `path` "": they cannot ask. `why_not`: in a word, why they are told to send
    nothing; None where `ready`.
    `error`: why the file was refused. `busy_connections` are those of clients on which something is under
    way, at whatever service.
    """

    confirmed: bool = True
    path: str = ""
    ready: bool = True
    why_not: str | None = None
    error: str | None = None
    busy_connections: int = 0


class Unchanged(Struct, frozen=True):
    """The services that the release leaves unchanged, and what is in flight there."""

    services: dict[str, bool] = {}
    open: int = 0
    websockets: int = 0

    @property
    def open_requests(self) -> int:
        return self.open - self.websockets


class Status(Struct, frozen=True):
    """The whole answer of GET /status.

    `figures` are by version, of the versions that slots serve, and count since `started_at`. That is Unix
    time; None: an older proxy, which has no figures. `node` and `unchanged` None: an older one as well.
    """

    workers: list[Worker]
    expected: int = field(name="workersExpected")
    slots: dict[str, Slot]
    unchanged: Unchanged | None = None
    generation: int | None = None
    state_error: str | None = field(name="stateError", default=None)
    activity: Activity | None = None
    figures: dict[str, Figures] = {}
    started_at: float | None = field(name="startedAt", default=None)
    gate: Gate | None = None
    mirror: Mirror | None = None
    node: NodeStatus | None = None

    @property
    def open_requests(self) -> int:
        """Requests in flight at any slot, or at a service of both, WebSockets left out."""
        unchanged = self.unchanged.open_requests if self.unchanged else 0
        return sum(slot.open_requests for slot in self.slots.values()) + unchanged

    @property
    def live(self) -> list[Worker]:
        """The workers that take requests."""
        return [worker for worker in self.workers if not worker.exiting]

    def applied(self, generation: int) -> bool:
        """Whether every live worker has just this generation.

        A later one does not count: a state file that is put back by hand may have an earlier generation.
        """
        up_to_date = [worker for worker in self.live if worker.generation == generation]
        return len(up_to_date) == len(self.live) >= self.expected

    def drained(self, wanted: bool) -> bool:
        """Whether every live worker goes by a node.json that drains the node; not `wanted`: none does."""
        agreed = [worker for worker in self.live if worker.drained == wanted]
        return len(agreed) == len(self.live) >= self.expected
