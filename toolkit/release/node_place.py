"""The node that `bgctl node` is about: this host, or one of a swarm."""

import socket
from contextlib import suppress
from typing import Protocol

from msgspec.structs import replace

from toolkit.clients.proxy import Proxy, reachable
from toolkit.clients.proxy_status import NodeStatus, Status
from toolkit.cluster.cluster import Cluster
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import node_file
from toolkit.files.atomic import NotSynced
from toolkit.project import Project
from toolkit.rendering import reload
from toolkit.state.node import Node

ASKS = 10.0  # seconds for a proxy that was just started to ask its slots for their health


class Place(Protocol):
    """`name` is the node's, `typed` what follows a command that means it, and `proxy` its own.

    `renders` is the command by which its proxy gets the settings of bgctl.toml. `unheard`: the operator goes
    on without the node, and `later` says when it does what it is told. `stands` says what holds of an order
    that its proxy has not confirmed. What `dated` says is `lag` seconds old at most, while all goes well.
    """

    name: str
    typed: str
    renders: str
    later: str
    stands: str
    lag: float
    unheard: bool

    @property
    def proxy(self) -> Proxy: ...

    def absent(self) -> Refused:
        """The refusal where its proxy says nothing."""

    def said(self) -> Node:
        """What the node was told last."""

    def is_drained(self) -> bool:
        """Whether there is a drain to take back."""

    def write(self, new: Node) -> None: ...

    def leave(self) -> None:
        """Has clients let go of the connections that they keep: new workers take over. Raises Failed."""

    def settle(self) -> None:
        """Waits until its proxy knows whether its slots are up."""

    def dated(self) -> tuple[Status, float]:
        """What its proxy says, and at which second of any clock. Raises Failed."""


class ThisHost:
    """bgctl writes node.json, and signals nginx."""

    typed, lag, unheard = "", 0.1, False
    renders, later = "bgctl reload", "as soon as the proxy runs; next: bgctl up"
    stands = "node.json is written and holds as soon as the proxy reads it"

    def __init__(self, project: Project) -> None:
        self._project, self.name = project, socket.gethostname()

    @property
    def proxy(self) -> Proxy:
        return self._project.proxy

    def absent(self) -> Refused:
        return Refused("the proxy does not run", "there is nothing to drain", "bgctl up")

    def said(self) -> Node:
        """What a damaged file said, the proxy knows: the last good one is in force there."""
        try:
            return node_file.read(self._project.state_dir)
        except Failed:
            status = reachable(self.proxy)
            known: NodeStatus = (status and status.node) or NodeStatus()
            return Node(known.drain, known.since, known.why)

    def is_drained(self) -> bool:
        """A damaged file is one that is written anew."""
        try:
            return node_file.read(self._project.state_dir).drain
        except Failed:
            return True

    def write(self, new: Node) -> None:
        try:
            node_file.write(self._project.state_dir, new)
        except NotSynced as error:
            self._project.ui.warn(str(error))

    def leave(self) -> None:
        """HTTP/1 clients have their idle connections closed, HTTP/2 clients get a GOAWAY (record 92)."""
        reload.replace_workers(self._project)

    def settle(self) -> None:
        """There is nothing to wait for: `bgctl up` has proven them."""

    def dated(self) -> tuple[Status, float]:
        return self.proxy.status(), self._project.clock.monotonic()


class OfSwarm:
    """The node's agent writes node.json, and its proxy then has new workers take over (record 94)."""

    renders, later = "bgctl up", "as soon as its agent is heard"
    stands = "it is in Redis, and holds as soon as the node reads it"
    lag = 2.5  # agents report each second, and two reports are compared

    def __init__(self, project: Project, cluster: Cluster, name: str) -> None:
        self._cluster, self.name, self.typed = cluster, name, f" {name}"
        self.proxy = cluster.node(name, project.config.proxy.control)
        self.unheard = name in project.without

    def absent(self) -> Refused:
        try:
            self.proxy.status()
        except BgctlError as error:
            mend = f"{error.next}; or tell it for later: bgctl --without {self.name} node drain{self.typed}"
            return Refused(error.what, error.why, mend)
        return Refused(f"{self.name} was not heard for a moment", "", "the same command again")

    def said(self) -> Node:
        wish = self._cluster.look().wish(self.name)
        return Node(wish.drain, wish.since, wish.why)

    def is_drained(self) -> bool:
        return self.said().drain

    def write(self, new: Node) -> None:
        before = self._cluster.look().wish(self.name)
        leave = before.leave if new.drain else 0
        wish = replace(before, drain=new.drain, since=new.since, why=new.why, leave=leave)
        self._cluster.wish(self.name, wish)

    def leave(self) -> None:
        before = {worker.pid for worker in self.proxy.status().live}
        wish = self._cluster.look().wish(self.name)
        self._cluster.wish(self.name, replace(wish, leave=wish.leave + 1))
        self.proxy.wait_until(reload.replaced(before), "have new workers take over", reload.RELOAD_SECONDS)

    def settle(self) -> None:
        """After a reboot the proxy is there before its slots, and what it does not know counts as up.

        A report from before says nothing of that. Where the proxy never knows, such as of a service without
        health, it goes on after a while.
        """
        with suppress(Failed):
            _, before = self.proxy.dated()

            def is_known(_: Status) -> bool:
                status, at = self.proxy.dated()
                return at > before and _has_asked(status)

            self.proxy.wait_until(is_known, "ask its slots for their health", ASKS)

    def dated(self) -> tuple[Status, float]:
        return self.proxy.dated()


def find(project: Project, name: str, verb: str) -> Place:
    """The node of this name, "" for the one where bgctl is typed. Raises Refused where there is none."""
    if not project.cluster:
        return _this_host(project, name, verb)
    names = [each.name for each in project.engine.hosts()]
    wanted = name or _typed_on(project)
    if wanted in names:
        return OfSwarm(project, project.cluster, wanted)
    why = f"its nodes are {', '.join(names)}"
    what = f"{wanted or 'this host'} is no node of this project"
    raise Refused(what, why, f"bgctl node {verb} NODE   (one of them)")


def _has_asked(status: Status) -> bool:
    return all(slot.health.up is not None for slot in status.slots.values() if slot.state == "ready")


def _typed_on(project: Project) -> str:
    from toolkit.swarm.engine import SwarmEngine

    return project.engine.here if isinstance(project.engine, SwarmEngine) else ""


def _this_host(project: Project, name: str, verb: str) -> ThisHost:
    here = ThisHost(project)
    if name not in ("", here.name):
        why = f"this one is {here.name}, and bgctl.toml is about one host"
        raise Refused(f"{name} is another host", why, f"bgctl --host {name} node {verb}")
    return here
