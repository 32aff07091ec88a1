"""The report of a node's agent: what it has written, and what its proxy says."""

import msgspec

from session_api.cluster import node_wish
from session_api.cluster.node_wish import NodeWish
from session_api.state.document import SCHEMA

EVERY = 1.0  # seconds between two reports while nothing happens
LASTS = 86400  # seconds for which Redis keeps a report: of a node that has gone, none stays for ever


class Report(msgspec.Struct, frozen=True):
    """`fence` and `generation` are those of the file; 0: it has none.

    `status` is the answer of the proxy's control listener, null where there is none, and `error` says what
    is wrong. `wish` is the one that node.json has. `state` is the text of the file where Redis has an older
    document or none: so no switch is lost with a Redis that has lost it. Redis adds `at`, its own time, when
    it gets the report; `clock` is the node's. `reads` is the newest schema of states that this agent reads.
    """

    node: str
    fence: int = 0
    generation: int = 0
    status: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    state: str | None = None
    wish: NodeWish = node_wish.NONE
    clock: float | None = None
    reads: int = SCHEMA
