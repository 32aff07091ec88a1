"""What is wished of a node: bgctl leaves it in Redis, and the node's agent writes it into node.json."""

from typing import NamedTuple

import msgspec


class Number(NamedTuple):
    """Which of two wishes is newer: the one with the greater number, first by its lease."""

    fence: int
    leave: int


class NodeWish(msgspec.Struct, frozen=True):
    """`fence` is the number of the lease under which it was written, 0: nothing was ever wished.

    `drain`: load balancers are to send the node nothing, `since` then, and `why` somebody has said so.
    `leave` counts how often clients were to let go of the connections that they keep: with each greater
    count the proxy has new workers take over.
    """

    fence: int = 0
    drain: bool = False
    since: str | None = None
    why: str = ""
    leave: int = 0

    @property
    def number(self) -> Number:
        return Number(self.fence, self.leave)


NONE = NodeWish()


def decode(text: bytes) -> NodeWish:
    """Raises ValueError saying what is wrong."""
    return msgspec.json.decode(text, type=NodeWish)


def encode(wish: NodeWish) -> bytes:
    return msgspec.json.encode(wish)
