"""node.json as a value: what a proxy is told of the node that it runs on."""

from datetime import datetime

from msgspec import Struct

from toolkit.terminal import humanize

READY = "bgctl node ready"


class Node(Struct, frozen=True):
    """`drain`: load balancers are to send it nothing, `since` then, and `why` an operator has said so."""

    drain: bool = False
    since: str | None = None
    why: str = ""


def describe(node: Node, now: datetime, name: str = "") -> str:
    """Why it is to get no traffic, in one line; "" where nothing is said against it.

    `name` is the node's, "" for the one of this host.
    """
    if not node.drain:
        return ""
    since = f" {humanize.since(node.since, now)}" if node.since else ""
    why = f", {node.why}" if node.why else ""
    return f"{name or 'this node'} is drained{since}{why}: load balancers are told to send it nothing"


def line(node: Node, now: datetime, name: str = "") -> str:
    """The same with what to type."""
    return f"{describe(node, now, name)}; next: {ready(name)}" if node.drain else ""


def ready(name: str = "") -> str:
    """What to type, so that the node of this name gets traffic again."""
    return f"{READY} {name}".rstrip()
