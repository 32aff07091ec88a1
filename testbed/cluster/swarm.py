"""The swarm of a lab: who is in it, who leads, and what its managers think of each node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from .node import Node, NodeError
from .waiting import eventually

MANAGERS = 3  # so that the leader may die
# How often nodes say that they are there; docker's default is 5 s. After three times that they are down.
HEARTBEAT = "1s"
ASK_SECONDS = 5.0  # for an answer; a node may hang
# A manager that was cut off comes back with a later term of raft, and starts elections: for up to a minute
# nobody leads (docker 20.10: 0.4 to 61 s in eight times).
ELECTIONS = 180.0  # seconds
LEADS = ("--format", "{{.ManagerStatus.Leader}}")


class Swarm:
    """The first `managers` of the nodes manage it, the others are workers."""

    def __init__(self, nodes: Sequence[Node], managers: int = MANAGERS) -> None:
        self.nodes = tuple(nodes)
        self.managers = self.nodes[:managers]

    def form(self) -> None:
        """Makes it, has all join, and waits until each is ready."""
        first, *others = self.nodes
        first.docker("swarm", "init", "--advertise-addr", first.address, "--dispatcher-heartbeat", HEARTBEAT)
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda node: self._join(node, first), others))
        self.wait({node.name: "ready" for node in self.nodes})

    def leave(self, node: Node) -> None:
        """From then on it is a Docker host of its own."""
        if node in self.managers:
            self.docker("node", "demote", node.name)
        node.docker("swarm", "leave", "--force")
        self.wait({node.name: "down"})
        self.docker("node", "rm", node.name)

    def join(self, node: Node) -> None:
        """Once more, after `leave`."""
        self._join(node, self.leader())
        self.wait({node.name: "ready"})

    def _join(self, node: Node, there: Node) -> None:
        role = "manager" if node in self.managers else "worker"
        token = there.docker("swarm", "join-token", "--quiet", role).strip()
        own = ["--advertise-addr", node.address, "--token", token]
        node.docker("swarm", "join", *own, f"{there.address}:2377")

    def docker(self, *arguments: str, stdin: str = "") -> str:
        """A command of docker on the leader."""
        return self.leader().docker(*arguments, stdin=stdin)

    def leader(self) -> Node:
        """Who leads, as soon as anybody does. Raises AssertionError if nobody does for long."""
        found: list[Node] = []

        def look() -> bool:
            found[:] = [node for node in self.managers if self._leads(node)]
            return len(found) == 1

        eventually(look, "one manager leads the swarm", within=ELECTIONS)
        return found[0]

    def states(self) -> dict[str, str]:
        """What the leader thinks of each node, by its name: "ready", "down" or "unknown"."""
        lines = self.docker("node", "ls", "--format", "{{json .}}").splitlines()
        return {row["Hostname"]: row["Status"].lower() for row in map(json.loads, lines)}

    def wait(self, expected: dict[str, str]) -> None:
        """Until the leader thinks that of these nodes."""
        eventually(
            lambda: expected.items() <= self.states().items(),
            f"the swarm says {expected}",
            unless=(NodeError,),  # its leader may change meanwhile
            within=ELECTIONS,
        )

    def running(self, service: str) -> dict[str, str]:
        """The names of the nodes where a task of the service runs, and its image."""
        filters = ["--filter", "desired-state=running", "--format", "{{json .}}"]
        rows = map(json.loads, self.docker("service", "ps", service, *filters).splitlines())
        return {row["Node"]: row["Image"] for row in rows if row["CurrentState"].startswith("Running")}

    def _leads(self, node: Node) -> bool:
        if not node.is_on:
            return False
        try:
            said = node.docker("node", "inspect", "self", *LEADS, patience=ASK_SECONDS)
        except NodeError:  # it hangs, or has no part in the swarm's decisions just now
            return False
        return said == "true\n"
