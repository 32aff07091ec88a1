"""Whether nodes get traffic from their load balancers, and what to type where one should and does not."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from toolkit.checks.looks import Problems
from toolkit.clients.proxy import reachable
from toolkit.clients.proxy_status import NodeStatus
from toolkit.cluster import sum_of_proxies
from toolkit.errors import Failed, NotYet
from toolkit.files import node_file
from toolkit.project import Project
from toolkit.state import node

UNCONFIRMED = "holds all requests: its agent has not heard Redis since it started"


def lines(nodes: Mapping[str, NodeStatus], now: datetime) -> Iterator[str]:
    """For `status` and `monitor`; "" is the node of this host. That no slot is up is said of the slots."""
    for name, each in nodes.items():
        where = f" of {name}" if name else ""
        if said := node.line(each, now, name):
            yield said
        if not each.confirmed:
            yield f"the proxy{where} {UNCONFIRMED}; next: bgctl doctor"
        if each.error:
            yield f"the proxy{where} refused node.json: {each.error}; next: {node.ready(name)}"


def problems(project: Project) -> Problems:
    """For `doctor`: a drain that was forgotten looks like a node that nobody uses."""
    return (yield from _of_nodes(project) if project.cluster else _of_this_host(project))


def _of_nodes(project: Project) -> Problems:
    path = project.config.proxy.balancer_path
    for name, each in sum_of_proxies.by_node(reachable(project.proxy)).items():
        if text := node.describe(each, project.now(), name):
            yield NotYet(text, next=node.ready(name))
        if not each.confirmed:
            yield NotYet(f"the proxy of {name} {UNCONFIRMED}", next="bgctl logs bgctl-agent")
        if path and each.path not in ("", path):
            what = f"load balancers cannot ask {name} at {path}"
            yield NotYet(what, "its proxy has not loaded it", "bgctl up")
    if not path:
        return "no load balancer asks here: [proxy] balancer_path is not set"
    return f"load balancers that ask at {path} are told to send traffic"


def _of_this_host(project: Project) -> Problems:
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
