"""node.json as a value: what the proxy of this host is told of the node that it runs on."""

from datetime import datetime

from msgspec import Struct

from toolkit.terminal import humanize

READY = "bgctl node ready"


class Node(Struct, frozen=True):
    """`drain`: load balancers are to send it nothing, `since` then, and `why` an operator has said so."""

    drain: bool = False
    since: str | None = None
    why: str = ""


def describe(node: Node, now: datetime) -> str:
    """Why it is to get no traffic, in one line; "" where nothing is said against it."""
    if not node.drain:
        return ""
    since = f" {humanize.since(node.since, now)}" if node.since else ""
    why = f", {node.why}" if node.why else ""
    return f"this node is drained{since}{why}: load balancers are told to send it nothing"


def line(node: Node, now: datetime) -> str:
    """The same with what to type."""
    return f"{describe(node, now)}; next: {READY}" if node.drain else ""
