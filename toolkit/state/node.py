"""node.json as a value: what the proxy of this host is told of the node that it runs on."""

from datetime import datetime

from msgspec import Struct

from toolkit.terminal import humanize

READY = "bgctl node ready"


class Node(Struct, frozen=True):
    """`drain`: load balancers are to send it nothing, `since` then, and `why` an operator has said so.

    `confirmed` is the word of a cluster's agent: false until it has heard from the cluster since its start.
    """

    drain: bool = False
    since: str | None = None
    why: str = ""
    confirmed: bool = True


def describe(node: Node, now: datetime) -> str:
    """Why it is to get no traffic, in one line; "" where nothing is said against it."""
    if node.drain:
        since = f" {humanize.since(node.since, now)}" if node.since else ""
        why = f", {node.why}" if node.why else ""
        return f"this node is drained{since}{why}: load balancers are told to send it nothing"
    if not node.confirmed:
        why = "its agent has not heard from the cluster since it started"
        return f"{why}: load balancers are told to send this node nothing"
    return ""


def line(node: Node, now: datetime) -> str:
    """The same with what to type, where that is bgctl's to change."""
    return f"{describe(node, now)}; next: {READY}" if node.drain else describe(node, now)
