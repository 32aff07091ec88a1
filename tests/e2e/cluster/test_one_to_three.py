"""One host becomes three, as docs/swarm.md tells it step by step: nobody who is logged in notices.

The compose file and bgctl.toml are those of one host throughout, but for the engine, with the nodes that it
takes, and the Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import Lab, Node
from testbed.cluster.redis import Redis
from testbed.cluster.registry import pull
from testbed.load import LoadProcess
from tests.cluster.releasing import Release
from tests.cluster.shop import NEEDED, NEW, OLD, PORTS, Shop
from tests.e2e.cluster.conftest import forget
from tests.e2e.cluster.test_release import answered, served, users_come
from tests.e2e.support.balancing import in_front

ENGINE = 'engine = "docker"'
SWARM = 'engine = "swarm"\nnode_label = "shop"'


@pytest.fixture
def alone(lab: Lab) -> Iterator[Shop]:
    """One host, which has been through a release; its sessions are in a file."""
    pull(lab.nodes, lab.registry.push(NEEDED))
    first, second, third = lab.nodes
    store = Redis(second)
    lab.swarm.leave(first)
    found = Shop(lab, first, store).create(engine="docker", store="")
    try:
        found.bgctl("up")
        found.bgctl("deploy", NEW, "--yes")
        yield found
    finally:
        if first.name not in lab.swarm.states():
            lab.swarm.join(first)
        for node in (second, third):
            label(lab, node, "--label-rm", "shop")
        if store.answers():
            store.kill()
        forget(lab)


def label(lab: Lab, node: Node, *change: str) -> None:
    lab.swarm.docker("node", "update", *change, node.name)


def test_one_host_becomes_three_and_nobody_notices(alone: Shop, tmp_path: Path) -> None:
    lab, store = alone.lab, alone.store
    first, second, third = lab.nodes
    servers = [f"{address}:{PORTS.proxy}" for address in alone.addresses]
    with in_front(tmp_path, "tcp", servers) as url, LoadProcess(url, served={NEW}, rate=60) as load:
        users_come(load)
        generation, _ = alone.routes()[first.name]
        assert generation, "of the release"
        assert generation > 1

        # Sessions go into a Redis that all hosts will reach.
        store.start(empty=True)
        with (alone.folder / ".env").open("a") as env:
            env.write(f"BGCTL_STORE={store.url}\n")
        alone.bgctl("up")
        answered(load, 100)

        # The new hosts, from a copy of the folder with another engine. The first one is not in it yet.
        shop = alone.copied(second)
        shop.edit("bgctl.toml", ENGINE, SWARM)
        for node in (second, third):
            label(lab, node, "--label-add", "shop=true")
        shop.bgctl("up")
        assert {name: shop.routes()[name] for name in ("node2", "node3")} == {
            "node2": (generation, NEW),
            "node3": (generation, NEW),
        }
        answered(load, 200)

        # The first one joins them.
        alone.bgctl("node", "drain")
        alone.bgctl("down", "--yes")
        answered(load, 100)
        assert served(shop, second) > 0
        assert served(shop, third) > 0
        lab.swarm.join(first)
        label(lab, first, "--label-add", "shop=true")
        shop.bgctl("up")
        load.spawn("anonymous", 6)  # the others keep the connections that they have elsewhere by now
        answered(load, 200)
        assert served(shop, first) > 0

        # And a release on all of them.
        load.set_served({OLD, NEW})
        release = Release(shop, OLD)
        release.after("routing", lambda: load.leave(NEW, 0.1, come_back=True))
        assert release.wait() == 0, release.said
        load.set_served({OLD})
        load.settle()
        answered(load, 100)
        final = load.stop()
    print(f"{final.requests} requests, {final.resent} sent again")
    assert final.clean, final.failures
    assert {version for _, version in shop.routes().values()} == {OLD}
    assert len(shop.routes()) == len(lab.nodes)
    assert shop.faults() == []
    shop.bgctl("down", "--yes")
