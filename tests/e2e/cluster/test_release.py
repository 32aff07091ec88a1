"""A release by bgctl on three hosts, and a node that is not heard: the short form of `make cluster`."""

from __future__ import annotations

from testbed.cluster.waiting import eventually
from tests.cluster.__main__ import released
from tests.cluster.faults import signal_agent
from tests.cluster.shop import NEW, OLD, Shop

REFUSED = 3


def test_a_release_on_all_hosts_and_one_that_goes_on_without_a_node(shop: Shop) -> None:
    tally, release = released(shop)
    assert (tally.failed, tally.flipped, tally.failures) == (0, 0, [])
    assert len(release.switches) == 2, "to green, and back to blue"
    assert {version for _, version in shop.routes().values()} == {NEW}
    assert len(shop.routes()) == len(shop.addresses)

    before = shop.routes()
    signal_agent("STOP")(shop)
    eventually(lambda: shop.bgctl("up-green", OLD, code=None).returncode == REFUSED, "node3 is not heard")
    said = shop.bgctl("up-green", OLD, code=REFUSED).stderr
    assert "not every node is heard" in said
    assert "--without node3" in said
    assert shop.routes() == before

    shop.bgctl("--without", "node3", "up-green", OLD)
    assert shop.routes()["node1"] == shop.routes()["node2"] != before["node1"]
    assert shop.routes()["node3"] == before["node3"]
    signal_agent("CONT")(shop)
    eventually(lambda: len(set(shop.routes().values())) == 1, "node3 has taken the new state")
    shop.bgctl("rollback")
    assert {version for _, version in shop.routes().values()} == {NEW}
    assert "no such node" in shop.bgctl("--without", "node4", "status", code=REFUSED).stderr
