"""A release's containers on a real swarm: placed, found again, replaced, removed."""

from __future__ import annotations

from testbed.cluster.waiting import eventually
from tests.e2e.swarm.placed import NEW, OLD, Placed


def test_each_node_serves(placed: Placed) -> None:
    assert placed.versions() == [OLD, OLD]
    found = placed.bgctl().engine.containers()
    assert set(found) == {"proxy", "session-api", "frontend-blue"}
    assert all(each.state.running for each in found.values())
    assert found["frontend-blue"].runs(placed.image(OLD))
    assert placed.engine.running("frontend-blue", {"COOKIE_STEM": "bg"})


def test_a_candidate_comes_and_goes_beside_blue(placed: Placed) -> None:
    blue = placed.tasks("frontend-blue")
    env = placed.project.compose_env(OLD, NEW)
    placed.bgctl().engine.up("frontend-green", env)
    assert placed.engine.running("frontend-green")
    assert len(placed.tasks("frontend-green")) == len(placed.nodes)
    placed.route(blue=None, green=NEW)
    assert placed.versions() == [NEW, NEW]
    placed.route(blue=OLD)
    placed.bgctl().engine.remove("frontend-green", 5)
    assert "frontend-green" not in placed.engine.containers()
    assert placed.tasks("frontend-green") == set()
    assert placed.tasks("frontend-blue") == blue, "blue has nothing to do with it"
    eventually(lambda: placed.versions() == [OLD, OLD], "both nodes serve blue")
