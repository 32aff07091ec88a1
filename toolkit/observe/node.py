"""Whether this node gets traffic from its load balancers, and what to type where it should and does not."""

from collections.abc import Iterator
from datetime import datetime

from toolkit.checks.looks import Problems
from toolkit.clients.proxy import reachable
from toolkit.clients.proxy_status import NodeStatus
from toolkit.errors import Failed, NotYet
from toolkit.files import node_file
from toolkit.project import Project
from toolkit.state import node

UNCONFIRMED = "the proxy holds all requests: its agent has not heard Redis since the proxy started"


def lines(seen: NodeStatus | None, now: datetime) -> Iterator[str]:
    """For `status` and `monitor`. That no slot is up is said of the slots."""
    if seen and (said := node.line(seen, now)):
        yield said
    if seen and not seen.confirmed:
        yield f"{UNCONFIRMED}; next: bgctl doctor"
    if seen and seen.error:
        yield f"the proxy refused node.json: {seen.error}; next: {node.READY}"


def problems(project: Project) -> Problems:
    """For `doctor`: a drain that was forgotten looks like a node that nobody uses."""
    said = node_file.read(project.state_dir)
    if text := node.describe(said, project.now()):
        yield NotYet(text, next=node.READY)
    status = reachable(project.proxy)
    seen = status.node if status else None
    if seen and seen.error:
        yield Failed("the proxy refused node.json", seen.error, node.READY)
    if not (path := project.config.proxy.balancer_path):
        return "no load balancer asks here: [proxy] balancer_path is not set"
    if seen and seen.path != path:
        yield NotYet(f"load balancers cannot ask at {path}", "the proxy has not loaded it", "bgctl reload")
    return f"load balancers that ask at {path} are told to send traffic"
