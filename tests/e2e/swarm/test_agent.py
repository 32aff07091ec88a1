"""What a node does when something of it, or Redis, is away: no request goes by an old state, or to nobody."""

from __future__ import annotations

import json
from typing import Any

import requests

from testbed.cluster import Node
from testbed.cluster.waiting import eventually
from tests.e2e.swarm.placed import OLD, Placed


def test_each_node_reports_by_the_name_that_the_swarm_has_for_it(placed: Placed) -> None:
    for node in placed.nodes:
        told = placed.redis.client.get(placed.keys.node(node.name))
        assert told, node.name
        assert json.loads(told)["node"] == node.name


def test_other_nodes_stand_in_for_a_slot_that_is_down(placed: Placed) -> None:
    """Green is in maint, so no other slot of the node may: without them, these requests would fail."""
    node = placed.nodes[1]
    killed, answers = ended(placed, node, "frontend-blue"), []
    while container(placed, node, "frontend-blue") in ("", killed):
        answers.append(placed.version(node))
    assert answers
    assert set(answers) == {OLD}
    eventually(lambda: passed_over(placed, node) == [], "its own slot is up again")


def test_a_proxy_that_begins_answers_nobody_before_redis_was_heard(placed: Placed) -> None:
    node, other = placed.nodes[1], placed.nodes[0]
    placed.redis.kill()
    try:
        ended(placed, node, "proxy")
        eventually(lambda: placed.generation(node) == 0, "another one has begun, and has no state yet")
        assert placed.status(node)["node"]["confirmed"] is False
        asked = requests.get(f"http://{node.address}:{placed.folder.ports.proxy}/", timeout=30)
        assert asked.status_code == 503, "it was held, and turned away"
        assert placed.version(other) == OLD, "who has heard it before goes on"
    finally:
        placed.redis.start()
    eventually(lambda: placed.versions() == [OLD, OLD], "both serve")
    assert placed.status(node)["node"]["confirmed"] is True


def container(placed: Placed, node: Node, service: str) -> str:
    """The id of what runs there of a service; "": nothing does."""
    label = f"label=com.docker.swarm.service.name={placed.folder.name}_{service}"
    return node.docker("ps", "--quiet", "--filter", label).strip()


def ended(placed: Placed, node: Node, service: str) -> str:
    """Kills what runs there of a service; returns its id. The swarm starts another one."""
    found = container(placed, node, service)
    node.docker("kill", found)
    return found


def passed_over(placed: Placed, node: Node) -> list[Any]:
    """What is down on this node, while others stand in for it."""
    health: dict[str, Any] = placed.status(node)["slots"]["blue"]["health"]
    return list(health.get("passed") or [])
