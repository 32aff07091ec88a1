"""A cluster as tests make one: bgctl's side, and reports of nodes that have no agent."""

import json
from typing import Any

from redis import Redis

from session_api.agent.shared import SCRIPT
from tests.unit.session_api.support.agents import KEYS, PROJECT
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.sentinel import Watched
from toolkit.cluster.cluster import Cluster
from toolkit.cluster.owners import Marks
from toolkit.state.document import Slots, State, maint, ready
from toolkit.values import Address

CONTROL = Address("127.0.0.1:9")  # nobody is asked there


def state(generation: int, version: str = "1.6.7") -> State:
    slots = Slots(ready(version), maint(None))
    return State(2, generation, "2026-01-15T10:30:00Z", "rest", None, slots)


class Desk:
    """One bgctl. `members` may be changed; `told` is what it has told the operator."""

    def __init__(
        self, server: RedisServer | Watched, *members: str, lasts: float = 15.0, marks: Marks = frozenset
    ) -> None:
        self.members = set(members)
        self.told: list[str] = []
        self.cluster = Cluster(
            server.address, PROJECT, lambda: self.members, self.told.append, marks, lasts=lasts
        )

    def publish(self, new: State, **how: Any) -> None:
        """A change that publishes one state."""
        with self.cluster.change("deploy 1.6.8", **how):
            self.cluster.publish(new)


def status_of(generation: int | None, workers: int = 2, **changes: Any) -> dict[str, Any]:
    """What the control listener of a proxy answers."""
    rows = [{"pid": pid, "generation": generation} for pid in range(workers)]
    return {"generation": generation, "workers": rows, "workersExpected": workers, "slots": {}} | changes


def report(client: Redis, node: str, fence: int, generation: int, age: float = 0, **changes: Any) -> None:
    """Leaves the report of a node, as old as `age` seconds by the clock of Redis."""
    fields = {
        "node": node,
        "fence": fence,
        "generation": generation,
        "status": status_of(generation),
    } | changes
    client.eval(SCRIPT, 1, KEYS.node(node), json.dumps(fields), 600)
    if age:
        there = json.loads(client.get(KEYS.node(node)) or "")
        client.set(KEYS.node(node), json.dumps(there | {"at": there["at"] - age}))
