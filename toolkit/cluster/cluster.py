"""Several hosts as bgctl sees them: one document that all nodes follow, one lease on it, one proxy."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from math import inf

from msgspec.structs import replace

from session_api.cluster import node_wish
from session_api.cluster.keys import Keys
from session_api.cluster.node_wish import NodeWish
from session_api.stores.redis.address import OWNERS, RedisAddress
from toolkit.clients.http import Unreachable
from toolkit.clock import SYSTEM, Clock
from toolkit.cluster import last_files, lease, node_report
from toolkit.cluster.cluster_proxy import ClusterProxy
from toolkit.cluster.connection import Connection
from toolkit.cluster.last_files import LastFiles
from toolkit.cluster.lease import Holder, Lease
from toolkit.cluster.leased_writer import LeasedWriter
from toolkit.cluster.node_proxy import NodeProxy
from toolkit.cluster.owners import Marks, Owners
from toolkit.cluster.shared_document import SharedDocument
from toolkit.cluster.view import View
from toolkit.errors import Failed, Refused
from toolkit.state import document as states
from toolkit.state.document import State
from toolkit.values import Address

MEMBERS = 1.0  # seconds between two questions which nodes there are
HEARD, PATIENCE = 0.1, 5.0  # seconds between two looks at whether all nodes are heard, and for all of them


class Cluster:
    """`members` gives the names of the nodes that have to be heard; the engine says which they are.

    `marks` tell this project from another one of the same name, and `tell` tells the operator what was found
    and mended.
    """

    def __init__(
        self,
        address: RedisAddress,
        project: str,
        members: Callable[[], Collection[str]],
        tell: Callable[[str], None] = lambda words: None,
        marks: Marks = frozenset,
        clock: Clock = SYSTEM,
        lasts: float = lease.LASTS,
    ) -> None:
        """`lasts`: seconds that a lease stays without a renewal."""
        self._keys, self._connection, self._clock = Keys(project), Connection(address), clock
        self._ask_members, self._tell = members, tell
        state = f"the state in this Redis ({self._keys.document}) is"
        self._owners = Owners(self._connection, self._keys.owners, state, marks)
        self._of_sessions = Owners(self._connection, OWNERS, "the sessions in this Redis are", marks)
        self._lease = Lease(self._connection, self._keys, lasts)
        self._members: frozenset[str] = frozenset()
        self._asked = -inf
        self._writer: LeasedWriter | None = None  # while we have the lease
        self._document: SharedDocument | None = None  # then, too
        self._without: frozenset[str] = frozenset()  # the nodes without which that change goes on
        self._check: Callable[[], None] = lambda: None  # whether all nodes are heard that have to be

    def proxy(self, control: Address) -> ClusterProxy:
        """All proxies as one; `control` is the control listener of this host's, which explains."""
        return ClusterProxy(self.look, control)

    def node(self, name: str, control: Address) -> NodeProxy:
        """The proxy of one node alone; `control` as in `proxy`."""
        return NodeProxy(self.look, name, control)

    def look(self) -> View:
        """Raises Unreachable, or Refused or Failed where Redis is not to be used."""
        members = self._known_members()
        nodes = sorted(members)
        keys = [self._keys.document]
        keys += [key(name) for key in (self._keys.node, self._keys.wish) for name in nodes]
        seconds, micros, text, *found = self._connection.run("look", keys)
        reports, wishes = found[: len(nodes)], found[len(nodes) :]
        read = {name: node_report.decode(each) for name, each in zip(nodes, reports, strict=True) if each}
        known = {name: each for name, each in read.items() if each}
        wished = {name: each for name, each in zip(nodes, wishes, strict=True) if each}
        now, here = int(seconds) + int(micros) / 1e6, self._clock.now().timestamp()
        return View(now, text, members, known, self._without, wished, here)

    def state(self) -> State | None:
        """The newest state that Redis or a node has; None: nothing was ever published.

        Raises Failed where there is a document that cannot be read, and Refused where it is not ours.
        """
        view = self._settled(_is_told)
        self._owners.check()
        if (node := view.lost) and node.state:
            return self._decoded(node.state, f"the state of {node.node}")
        try:
            document = view.document
        except ValueError as error:
            raise self._broken(str(error)) from None
        return self._decoded(document.state, self._keys.document) if document else None

    @contextmanager
    def change(
        self, command: str, wait: float = 0, without: Collection[str] = (), starts: bool = False
    ) -> Iterator[Holder | None]:
        """Holds the lease over a change, in which `publish` may be called.

        Yields who had the lease before and has not given it back.

        Every node has to be heard but those in `without`; a command that `starts` the agents need hear none.
        Raises Locked while another bgctl has the lease, after `wait` seconds, and Refused, with nothing
        changed, when Redis or a node is not there.
        """
        self._without = frozenset(without)
        self._check = (lambda: None) if starts else self._heard
        try:
            self._settled(_is_told)
            self._check()
            self._of_sessions.check()
            self._owners.join()
            with self._lease.held(command, self._clock.now(), lambda: self.look().fence, wait) as held:
                view = self.look()
                self._writer = LeasedWriter(self._connection, self._keys, self._lease, held)
                self._document = SharedDocument(self._writer, self._keys.document, view.text, without)
                self._give_back(view)
                yield held.lost
        finally:
            self._document, self._writer, self._without = None, None, frozenset()

    def publish(self, state: State) -> None:
        """Makes this the state of all nodes; within `change`. That they have it, the proxy says.

        Raises Refused, with nothing changed, when a node has fallen silent or the lease is lost, and Failed
        when it is not known what came of it.
        """
        assert self._document is not None, "publish is called within change"
        self._check()
        self._owners.join()  # the keys may have been made within this change
        self._document.publish(states.encode(state).decode())

    def wish(self, node: str, wished: NodeWish) -> None:
        """Leaves this for the node's agent, under the number of our lease; within `change`.

        Raises as `publish` does. That the node does it, its report says.
        """
        assert self._writer is not None, "wish is called within change"
        self._check()
        text = node_wish.encode(replace(wished, fence=self._writer.held.fence))
        there = self.look().wishes.get(node, b"")
        name = f"what is wished of {node}"
        self._writer.replace(self._keys.wish(node), there, text, name, name)

    def files(self) -> LastFiles | None:
        """Those with which the project was changed last; None: that is not known."""
        return last_files.decode(self._connection.run("look", (self._keys.files,))[2])

    def note_files(self, files: LastFiles) -> None:
        """Makes these the last ones; within `change`. Raises as `publish` does."""
        assert self._writer is not None, "note_files is called within change"
        self._writer.keep(self._keys.files, last_files.encode(files))

    def close(self) -> None:
        self._connection.close()

    def _known_members(self) -> frozenset[str]:
        if self._clock.monotonic() - self._asked >= MEMBERS:
            self._members, self._asked = frozenset(self._ask_members()), self._clock.monotonic()
        return self._members

    def _heard(self) -> None:
        """Raises Refused for nodes that stay silent, and have to be heard."""
        view = self._settled(lambda view: _is_told(view) and not view.silent(self._without))
        if silent := view.silent(self._without):
            nodes = " ".join(f"--without {node}" for node in silent)
            why = "; ".join(f"{node} {since}" for node, since in silent.items())
            mend = f"look at the node and its agent; or go on without: the same command with {nodes}"
            raise Refused("not every node is heard", f"{why}; nothing is switched", mend)
        if behind := view.behind(states.SCHEMA):
            why = ", ".join(f"that of {node} reads schema {reads}" for node, reads in behind.items())
            why += f", and this bgctl writes states of schema {states.SCHEMA}"
            raise Refused("not every agent reads what is published", why, "bgctl up   (brings newer agents)")

    def _settled(self, is_good: Callable[[View], bool]) -> View:
        """Looks until it is good, for a node that is just back. Raises Refused while one is unclear."""
        for _ in self._clock.every(HEARD, within=PATIENCE):
            try:
                view = self.look()
            except Unreachable as error:
                raise Refused(error.what, error.why, error.next) from None
            if is_good(view):
                return view
        if not _is_told(view) and view.lost:
            node = view.lost.node
            what = f"{node} has a newer state ({view.lost.number}) than Redis ({view.number})"
            why = view.lost.error or "it has not said which"
            mend = f"look at the agent of {node}; or go on without what it has: --without {node}"
            raise Refused(what, why, mend)
        return view

    def _give_back(self, view: View) -> None:
        """What Redis has lost, and a node still has, is published again under our lease."""
        if (node := view.lost) and node.state and self._document:
            state = self._decoded(node.state, f"the state of {node.node}")
            had = f"generation {view.number.generation}" if view.number.generation else "no state"
            self._document.publish(node.state)
            self._tell(
                f"Redis has lost the state of generation {state.generation} (it had {had}): "
                f"{node.node} has it still, and it is published again"
            )

    def _decoded(self, text: str, name: str) -> State:
        try:
            return states.decode(text.encode())
        except ValueError as error:
            if (schema := states.schema_of(text.encode())) > states.SCHEMA:
                why = f"it has schema {schema}, and this one reads up to {states.SCHEMA}"
                mend = "install that bgctl here as well: pipx upgrade bgctl"
                raise Refused("a newer bgctl has written the state", why, mend) from None
            raise self._broken(f"{name}: {error}") from None

    def _broken(self, why: str) -> Failed:
        mend = f"redis-cli DEL '{self._keys.document}'; then the state that the nodes have is taken"
        return Failed("the document in Redis is not one of ours", why, mend)


def _is_told(view: View) -> bool:
    """Whether the newest state is here: in Redis, or in the report of the node that has it."""
    return view.lost is None or view.lost.state is not None
