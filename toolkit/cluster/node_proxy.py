"""The proxy of one node, as its agent reports it."""

from collections.abc import Callable

from toolkit.clients.http import Unreachable
from toolkit.clients.proxy import Proxy
from toolkit.clients.proxy_status import Status
from toolkit.cluster.view import View
from toolkit.values import Address


class NodeProxy(Proxy):
    """Waits as a Proxy does. `explain` asks the one of this host, at `control`: all decide alike."""

    def __init__(self, look: Callable[[], View], name: str, control: Address) -> None:
        super().__init__(control)
        self._look, self._name = look, name

    def status(self) -> Status:
        """Raises Unreachable where the node is not heard, or says nothing of its proxy."""
        return self.dated()[0]

    def dated(self) -> tuple[Status, float]:
        """The status, and when it was reported, in seconds. Raises as `status` does."""
        view = self._look()
        if why := view.silent().get(self._name):
            mend = "look at the node and its agent"
            raise Unreachable(f"{self._name} is not heard", f"it {why}", mend)
        report = view.reports[self._name]
        if report.status is None:
            why = report.error or "its agent has no answer of it"
            raise Unreachable(f"{self._name} says nothing of its proxy", why, "bgctl status")
        return report.status, report.at
