"""Asks the proxy's control listener what it has applied and what is open, and waits for that."""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from toolkit.clients.explanation import Explanation
from toolkit.clients.http import Client, Unreachable
from toolkit.clients.proxy_status import Slot, Status
from toolkit.clock import SYSTEM, at_most_every
from toolkit.config import Drain
from toolkit.errors import BgctlError, Failed
from toolkit.explain.request import Request
from toolkit.terminal import humanize
from toolkit.values import Address

POLL = 0.02  # seconds between two looks; workers read the state every 0.05 s
LOOK = 0.1  # seconds between two looks at what a slot has open
DEAD = 1.0  # seconds between two looks at whether a proxy that does not answer is dead
APPLY = 10.0  # seconds for every worker to apply a generation


class Proxy:
    """The control listener of one proxy."""

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
        """Raises Unreachable, or Failed for an answer that is not ours."""
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
        """Waits until every live worker has `generation`; `within` and `dead` as in `wait_until`."""
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
        """Waits until `done` says so of the proxy's status; `what` is that in messages: "apply ...".

        Raises Failed after `within` seconds, or as soon as the proxy gives no answer and `dead` has a reason
        why it never will.
        """
        seen, dead = "", at_most_every(DEAD, dead or (lambda: None))
        for _ in SYSTEM.every(POLL, within=within):
            try:
                status = self.status()
                if done(status):
                    return
                seen = (
                    status.state_error or f"its workers have {[worker.generation for worker in status.live]}"
                )
            except Unreachable as error:
                seen = f"no answer: {error.why}"
                if reason := dead():
                    raise Failed(f"the proxy did not {what}", reason, "bgctl doctor") from None
        raise Failed(f"the proxy did not {what} within {within:g} s", seen, "bgctl doctor")

    def wait_empty(self, slot: str, generation: int, drain: Drain, tell: Callable[[str], None]) -> str:
        """Waits until a slot that is out of routing has nothing open; returns a note for the operator.

        Requests and WebSockets are each waited for up to their deadline. Only answers in which every worker
        has `generation` count: before that, more may still arrive. `tell` gets what is still open. Raises
        Failed when there has been no such answer for `APPLY` seconds.
        """
        known, why = 0.0, ""
        for now in SYSTEM.every(LOOK):
            status = reachable(self)
            if status and status.applied(generation):
                known, left = now, status.slots.get(slot, Slot())
                if note := finished(left, now, drain):
                    return note
                tell(f"{slot} has {describe(left)} open")
            elif now - known > APPLY:
                why = "the proxy does not answer"
                if status:
                    why = status.state_error or f"not every worker has generation {generation}"
                break
        raise Failed(f"what {slot} has open is unknown", why, "bgctl doctor")


def describe(left: Slot) -> str:
    """ "2 requests and 1 WebSocket" """
    open_requests = humanize.many(left.open_requests, "requests")
    return f"{open_requests} and {humanize.many(left.websockets, 'WebSockets')}"


def finished(left: Slot, seconds: float, drain: Drain) -> str | None:
    """How a slot's last requests ended, after so many seconds of waiting; None: they have not yet."""
    if left.open == 0:
        return "is empty"
    requests_over = left.open_requests == 0 or seconds >= drain.request_deadline
    websockets_over = left.websockets == 0 or seconds >= drain.websocket_deadline
    return f"still had {describe(left)} at their deadline" if requests_over and websockets_over else None


def reachable(proxy: Proxy, tries: int = 1) -> Status | None:
    """The proxy's status, or None when it gives none in `tries` tries."""
    for _ in range(tries):
        with suppress(BgctlError):
            return proxy.status()
    return None
