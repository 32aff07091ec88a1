"""What one look at Redis shows: the document, who has the lease, and what each node has reported."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from session_api.cluster import node_wish
from session_api.cluster.document import NONE, Document, Number, decode
from session_api.cluster.node_wish import NodeWish
from toolkit.cluster.node_report import SILENT, NodeReport
from toolkit.terminal import humanize


@dataclass(frozen=True)
class View:
    """`now` is Redis' time. `text` is the document as it lies there, None: there is none.

    `members` are the nodes that have to be heard, and `reports` are theirs, by node. `without` are those
    without which the change goes on that is being made here. `wishes` are the texts of what Redis wishes of
    nodes, by node. `here` is this host's time when it has looked.
    """

    now: float
    text: bytes | None
    members: frozenset[str]
    reports: Mapping[str, NodeReport]
    without: frozenset[str] = frozenset()
    wishes: Mapping[str, bytes] = field(default_factory=dict)
    here: float = 0.0

    @property
    def document(self) -> Document | None:
        """The document of Redis. Raises ValueError saying why what is there is none."""
        return None if self.text is None else decode(self.text)

    @property
    def number(self) -> Number:
        """That of the document of Redis; one that cannot be read is older than all."""
        try:
            return self.document.number if self.document else NONE
        except ValueError:
            return NONE

    @property
    def lost(self) -> NodeReport | None:
        """The node whose document is the newest, where that is newer than the one of Redis.

        A node that has just found this out has not told its text yet.
        """
        newer = [each for each in self.reports.values() if each.number > self.number]
        asked = [each for each in newer if each.node not in self.without]
        return max(asked, key=lambda each: (each.number, each.state is not None, each.node), default=None)

    @property
    def fence(self) -> int:
        """The greatest number of a lease that a document or a node is known to have."""
        known = [self.number.fence]
        known += [number for each in self.reports.values() for number in (each.fence, each.wish.fence)]
        return max([*known, *(self.wish(node).fence for node in self.wishes)])

    def wish(self, node: str) -> NodeWish:
        """What is wished of a node: the newer one of what Redis has and of what the node does.

        What Redis has lost, the node still does.
        """
        report = self.reports.get(node)
        done, wished = report.wish if report else node_wish.NONE, node_wish.NONE
        with suppress(ValueError):
            wished = node_wish.decode(self.wishes.get(node, b""))
        return max(done, wished, key=lambda each: each.number)

    @property
    def left_out(self) -> frozenset[str]:
        """The nodes without which the document of Redis is in force, or the next one will be."""
        try:
            return self.without.union(self.document.without if self.document else ())
        except ValueError:
            return self.without

    @property
    def clocks(self) -> dict[str, float]:
        """By how many seconds the clock of each node is ahead of Redis', where its agent has said so."""
        heard = [each for node, each in self.reports.items() if node not in self.without]
        return {each.node: each.clock - each.at for each in heard if each.clock is not None}

    def behind(self, schema: int) -> dict[str, int]:
        """The nodes whose agents do not read states of this schema, each with the newest that it reads."""
        asked = [each for node, each in self.reports.items() if node not in self.without]
        return {each.node: each.reads for each in asked if each.reads < schema}

    def silent(self, without: Collection[str] = ()) -> dict[str, str]:
        """The nodes that are not heard, each with since when; those in `without` need not be."""
        found = {}
        for node in sorted(self.members.difference(without)):
            report = self.reports.get(node)
            if report is None:
                found[node] = "has not reported yet"
            elif (age := report.age(self.now)) > SILENT:
                found[node] = f"has been silent for {humanize.span(age)}"
        return found
