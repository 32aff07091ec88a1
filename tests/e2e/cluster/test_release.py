"""On three hosts by bgctl: a release, a node that is not heard, and one that goes for maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from testbed.cluster import Lab, Node
from testbed.cluster.waiting import eventually
from testbed.load import LoadProcess
from tests.cluster.__main__ import released
from tests.cluster.faults import signal_agent
from tests.cluster.shop import NEW, OLD, PORTS, Shop
from tests.e2e.cluster.conftest import running
from tests.e2e.support.balancing import in_front

REFUSED = 3


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[Shop]:
    with running(lab) as one:
        yield one


def test_a_release_on_all_hosts_and_one_that_goes_on_without_a_node(shop: Shop) -> None:
    began = datetime.now(UTC)
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
    assert shop.faults(began) == []


def test_a_node_goes_for_maintenance_and_comes_back_and_no_request_is_lost(
    shop: Shop, tmp_path: Path
) -> None:
    """The load balancer passes connections on: clients that keep theirs have to let go of them."""
    node = shop.lab.nodes[2]
    (serving,) = {str(version) for _, version in shop.routes().values()}
    began = datetime.now(UTC)
    servers = [f"{address}:{PORTS.proxy}" for address in shop.addresses]
    with in_front(tmp_path, "tcp", servers) as url, LoadProcess(url, served={serving}, rate=60) as load:
        users_come(load)
        assert served(shop, node) > 0, "it has its part"

        said = shop.bgctl("node", "drain", "node3", "--why", "new kernel").stdout
        assert "nothing is open; stop the stack or the machine, or: bgctl node ready node3" in said
        rested = served(shop, node)
        answered(load, 200)
        assert served(shop, node) == rested, "nothing comes any more"
        assert "node3 is drained" in shop.bgctl("status").stdout
        refused = shop.bgctl("node", "drain", "node9", code=REFUSED).stderr
        assert "its nodes are node1, node2, node3" in refused
        assert shop.faults(began) == []

        node.stop()
        node.back()
        eventually(lambda: told(shop, node) == "drained", "it stays drained when it is started again")
        answered(load, 100)
        assert served(shop, node) == 0

        eventually(lambda: shop.bgctl("node", "ready", "node3", code=None).returncode == 0, "it is heard")
        load.spawn("anonymous", 6)  # the others keep the connections that they have elsewhere by now
        eventually(lambda: served(shop, node) > 20, "it gets traffic again")
        final = load.stop()
    print(f"{final.requests} requests, {final.resent} sent again")
    assert (final.failed, final.flipped, final.failures) == (0, 0, [])


def users_come(load: LoadProcess) -> None:
    load.spawn("cookie", 6)
    load.spawn("bearer", 3)
    load.spawn("anonymous", 6)
    answered(load, 200)


def answered(load: LoadProcess, more: int) -> None:
    """Until so many more requests have been answered."""
    before = load.snapshot().requests
    eventually(lambda: load.snapshot().requests > before + more, "users are answered")


def served(shop: Shop, node: Node) -> int:
    """Requests since its proxy started."""
    return sum(slot["requests"] for slot in shop.status(node)["slots"].values())


def told(shop: Shop, node: Node) -> str | None:
    """Why load balancers are told to send it nothing; None: they are to, or it does not answer yet."""
    word: str | None = shop.status(node).get("node", {}).get("whyNot")
    return word
