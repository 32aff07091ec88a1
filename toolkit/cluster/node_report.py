"""What the agent of a node has reported, and how long ago."""

import msgspec
from msgspec import Struct

from session_api.cluster import node_wish
from session_api.cluster.document import Number
from session_api.cluster.node_wish import NodeWish
from toolkit.clients.proxy_status import Status

SILENT = 5.0  # seconds after which a node counts as silent; agents report each second


class NodeReport(Struct, frozen=True):
    """As the agent has written it (session_api/cluster/report.py). `at` is Redis' time, in Unix seconds.

    `state` is the text that the node has, where Redis has an older one or none; `wish` is what it does.
    `clock` is the node's own time, and `reads` the newest schema of states that its agent reads; the first
    agents told neither.
    """

    node: str
    at: float
    fence: int = 0
    generation: int = 0
    status: Status | None = None
    error: str | None = None
    state: str | None = None
    wish: NodeWish = node_wish.NONE
    clock: float | None = None
    reads: int = 2

    @property
    def number(self) -> Number:
        """That of the document that the node has written."""
        return Number(self.fence, self.generation)

    def age(self, now: float) -> float:
        """Seconds; where the clock of Redis was set back, those by which it was."""
        return abs(now - self.at)


def decode(text: bytes) -> NodeReport | None:
    """None for what no agent of ours has written: its node counts as one that has never been heard."""
    try:
        return msgspec.json.decode(text, type=NodeReport)
    except ValueError:
        return None
