"""The proxies of all nodes as one: their status is the sum of what the agents have reported."""

from collections.abc import Callable, Collection

from msgspec.structs import replace

from toolkit.clients.http import Unreachable
from toolkit.clients.proxy import Proxy
from toolkit.clients.proxy_status import NodeStatus
from toolkit.cluster import sum_of_proxies
from toolkit.cluster.node_report import SILENT, NodeReport
from toolkit.cluster.sum_of_proxies import Sum
from toolkit.cluster.view import View
from toolkit.values import Address


class ClusterProxy(Proxy):
    """Waits as a Proxy does. `explain` asks the one of this host, at `control`: all decide alike."""

    def __init__(self, look: Callable[[], View], control: Address) -> None:
        super().__init__(control)
        self._look = look

    def status(self) -> Sum:
        """Raises Unreachable when no proxy is heard."""
        return summed(self._look())


def summed(view: View) -> Sum:
    """A node that the document goes on without counts where it is heard, and is not waited for.

    Raises Unreachable when no proxy is heard.
    """
    heard = {node: each for node, each in view.reports.items() if each.age(view.now) <= SILENT}
    parts = {node: each.status for node, each in heard.items() if each.status}
    missing = view.silent(view.left_out)
    for node, report in heard.items():
        if node not in view.left_out and (why := _wrong(report, view)):
            missing[node] = why
    if not parts:
        why = "; ".join(f"{node} {why}" for node, why in missing.items())
        raise Unreachable("no node reports of its proxy", why or "there are no nodes", "bgctl up")
    found = sum_of_proxies.of(parts, dict(sorted(missing.items())), view.left_out)
    return replace(found, nodes=dict(sorted((_drained_unheard(view, heard) | found.nodes).items())))


def _drained_unheard(view: View, heard: Collection[str]) -> dict[str, NodeStatus]:
    """The nodes that are drained and give no answer: their machines may be off."""
    wishes = {node: view.wish(node) for node in view.members.difference(heard)}
    return {
        node: NodeStatus(True, wish.since, wish.why, ready=False, why_not="drained")
        for node, wish in wishes.items()
        if wish.drain
    }


def _wrong(report: NodeReport, view: View) -> str | None:
    """Why a node that is heard does not follow the document."""
    if report.error:
        return f"says: {report.error}"
    if report.status is None:
        return "says nothing of its proxy"
    if report.number > view.number:
        return f"has a newer state than Redis ({report.number} and {view.number}); next: bgctl status"
    if report.number != view.number:
        return f"has not written the new state yet (it has {report.number}, Redis {view.number})"
    return None
