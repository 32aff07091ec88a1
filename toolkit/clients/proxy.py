"""The proxy's control listener: what it has applied, and what is still open."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec import Struct, field

from toolkit.clients.figures import Figures
from toolkit.clients.http import Client, Unreachable
from toolkit.config import Drain
from toolkit.errors import BgctlError, Failed
from toolkit.explain.request import Request
from toolkit.values import Address

POLL = 0.02  # seconds; workers read the state every 0.1 s
FEED = 10.0  # seconds without a delivery: the session API then calls its counts unknown as well
APPLY = 10.0  # seconds for every worker to apply a generation


class Worker(Struct, frozen=True):
    pid: int
    generation: int | None
    exiting: bool = False


class Peers(Struct, frozen=True):
    """What the proxy's own health checks say of a slot; `up` None: nothing yet. `since` in epoch seconds."""

    up: bool | None = None
    since: float | None = None
    why: str | None = None


class Gate(Struct, frozen=True):
    """The gate as the proxy has it. `held` requests wait at it."""

    mode: str | None = None
    held: int = 0


class Slot(Struct, frozen=True):
    """`open` counts requests in flight, WebSockets among them.

    `served` of all requests since the proxy started, and `errors` (5xx) among them; None: an older proxy.
    """

    version: str | None = None
    state: str | None = None
    weight: int | None = None
    open: int = 0
    websockets: int = 0
    served: int | None = field(name="requests", default=None)
    errors: int | None = None
    health: Peers = Peers()

    @property
    def requests(self) -> int:
        return self.open - self.websockets


class Activity(Struct, frozen=True, rename="camel"):
    """What the proxy tells the session API: rows waiting, and those delivered and lost since it started."""

    queued: int = 0
    delivered: int = 0
    dropped: int = 0
    last_delivery: float | None = None
    error: str | None = None

    def untold(self, now: datetime) -> str | None:
        """Why the session API may not know all that this proxy has seen; None: it does.

        One that cannot report is forgotten there after a while, as if it had been switched off.
        """
        return self.error or ("nothing is delivered" if self.is_stale(now) else None)

    def is_stale(self, now: datetime) -> bool:
        """Reports go out every second."""
        return self.last_delivery is None or now.timestamp() - self.last_delivery > FEED


class Mirror(Struct, frozen=True):
    """Copies of requests that green got, since the proxy started; `dropped` are those that it did not get."""

    version: str
    requests: int
    errors: int
    dropped: int


class Status(Struct, frozen=True):
    """`figures` by version, of those that slots serve, since `started_at`.

    That is Unix time; None: an older proxy, which has no figures.
    """

    workers: list[Worker]
    expected: int = field(name="workersExpected")
    slots: dict[str, Slot]
    generation: int | None = None
    state_error: str | None = field(name="stateError", default=None)
    activity: Activity | None = None
    figures: dict[str, Figures] = {}
    started_at: float | None = field(name="startedAt", default=None)
    gate: Gate | None = None
    mirror: Mirror | None = None

    @property
    def requests(self) -> int:
        """In flight at any slot, WebSockets left out."""
        return sum(slot.requests for slot in self.slots.values())

    @property
    def live(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.exiting]

    def applied(self, generation: int) -> bool:
        """This generation and no other: a state file put back by hand may have an earlier one."""
        up_to_date = [worker for worker in self.live if worker.generation == generation]
        return len(up_to_date) == len(self.live) >= self.expected


class Rule(Struct, frozen=True, omit_defaults=True):
    """`outcome`: used, outranked, retired, rejected, absent, no, not reached, held, covered."""

    rule: str
    outcome: str
    why: str
    version: str | None = None
    slot: str | None = None
    reason: str | None = None


class NewPin(Struct, frozen=True, omit_defaults=True):
    """`life` in seconds."""

    version: str
    life: int
    left: str | None = field(name="from", default=None)


class Explanation(Struct, frozen=True):
    """`slot` and `version`: None where the draw decides; `service`: None where the proxy answers."""

    slot: str | None
    version: str | None
    reason: str
    rules: list[Rule]
    service: str | None = None
    pin: NewPin | None = None


class Proxy:
    def __init__(self, control: Address) -> None:
        self._client = Client(control.url)

    def status(self) -> Status:
        """Raises Unreachable, or Failed for an answer that is not ours."""
        answer = self._client.get("/status")
        try:
            if answer.status == 200:
                return msgspec.json.decode(answer.body, type=Status)
            problem = f"status {answer.status}"
        except msgspec.DecodeError as error:
            problem = str(error)
        raise Failed(f"{self._client.base}/status is not bgctl's proxy", problem, "bgctl doctor")

    def explain(self, asked: Request) -> Explanation:
        answer = self._client.post("/explain", msgspec.json.encode(asked))
        if answer.status != 200:
            raise Failed("the proxy did not explain", f"status {answer.status}", "bgctl doctor")
        try:
            return msgspec.json.decode(answer.body, type=Explanation)
        except msgspec.DecodeError as error:
            raise Failed("the proxy did not explain", str(error), "bgctl up") from None

    def wait_applied(
        self, generation: int, within: float = APPLY, dead: Callable[[], str | None] | None = None
    ) -> None:
        """Until every live worker has `generation`. Raises Failed after `within` s, or as `dead` says."""
        self.wait_until(
            lambda status: status.applied(generation), f"apply generation {generation}", within, dead
        )

    def wait_until(
        self,
        done: Callable[[Status], bool],
        what: str,
        within: float,
        dead: Callable[[], str | None] | None = None,
    ) -> None:
        deadline = time.monotonic() + within
        seen = ""
        while time.monotonic() < deadline:
            try:
                status = self.status()
                if done(status):
                    return
                seen = (
                    status.state_error or f"its workers have {[worker.generation for worker in status.live]}"
                )
            except Unreachable as error:
                seen = f"no answer: {error.why}"
                if dead and (reason := dead()):
                    raise Failed(f"the proxy did not {what}", reason, "bgctl doctor") from None
            time.sleep(POLL)
        raise Failed(f"the proxy did not {what} within {within:g} s", seen, "bgctl doctor")

    def wait_empty(self, slot: str, generation: int, drain: Drain, tell: Callable[[str], None]) -> str:
        """Until a slot out of routing has nothing open, requests and WebSockets each up to their deadline.

        Only snapshots in which every worker has `generation` count: before that, more may still arrive.
        Returns a note. Raises Failed when the proxy has not said so for `APPLY` seconds.
        """
        start = known = time.monotonic()
        while True:
            now, status = time.monotonic(), reachable(self)
            if status and status.applied(generation):
                known, left = now, status.slots.get(slot, Slot())
                if note := _finished(left, now - start, drain):
                    return note
                tell(f"{slot} has {describe(left)} open")
            elif now - known > APPLY:
                why = (
                    f"not every worker has generation {generation}" if status else "the proxy does not answer"
                )
                raise Failed(f"what {slot} has open is unknown", why, "bgctl doctor")
            time.sleep(0.1)


def describe(left: Slot) -> str:
    return f"{left.requests} requests and {left.websockets} WebSockets"


def _finished(left: Slot, seconds: float, drain: Drain) -> str | None:
    if left.open == 0:
        return "is empty"
    requests_over = left.requests == 0 or seconds >= drain.request_deadline
    websockets_over = left.websockets == 0 or seconds >= drain.websocket_deadline
    return f"still had {describe(left)} at their deadline" if requests_over and websockets_over else None


def reachable(proxy: Proxy, tries: int = 1) -> Status | None:
    """The status, or None when it cannot be had."""
    for _ in range(tries):
        with suppress(BgctlError):
            return proxy.status()
    return None
