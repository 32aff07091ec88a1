"""The agents that a swarm places: what is published in Redis is in force on each node."""

from __future__ import annotations

import json
from functools import partial

from testbed.cluster.waiting import eventually
from tests.e2e.swarm.placed import OLD, Placed
from toolkit.swarm.layout import AGENT


def test_what_is_published_is_in_force_on_each_node(placed: Placed) -> None:
    placed.engine.up(AGENT, placed.project.env_of(OLD))
    assert placed.engine.running(AGENT)
    number = max(placed.generation(node) for node in placed.nodes) + 1
    document = {"fence": 1, "without": [], "state": placed.state(number, blue=OLD)}
    placed.redis.client.set(f"bgctl:{{{placed.folder.name}}}:document", json.dumps(document))
    for node in placed.nodes:
        eventually(partial(placed.serves, node, number), f"{node.name} has it")
    report = f"bgctl:{{{placed.folder.name}}}:node:"
    for node in placed.nodes:
        told = placed.redis.client.get(f"{report}{node.name}")
        assert told and json.loads(told)["node"] == node.name, "it is called as the swarm calls it"
    placed.engine.remove(AGENT, 10)
