"""Users each of whose requests goes to another host see a switch that only one of them has made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.cluster import Lab
from testbed.cluster.redis import Redis
from testbed.cluster.registry import pull
from testbed.cluster.waiting import eventually
from testbed.load import LoadProcess
from tests.cluster.by_hand import NEEDED, NEW, OLD, Hosts


@pytest.fixture
def hosts(lab: Lab) -> Iterator[Hosts]:
    pull(lab.nodes, lab.registry.push(NEEDED))
    store = Redis(lab.nodes[0])
    store.start(empty=True)
    found = Hosts(lab, store)
    try:
        found.up()
        yield found
        found.everywhere("down", "--yes")
    finally:
        store.kill()


def test_a_switch_on_one_of_three_hosts_flips_sessions(hosts: Hosts) -> None:
    """Until then all is well: the hosts have one set of keys, and one Redis."""
    with LoadProcess(hosts.url, served={OLD}, rate=60, hosts=hosts.addresses) as load:
        load.spawn("cookie", 6)
        load.spawn("anonymous", 6)
        eventually(lambda: load.snapshot().requests > 200, "users are there")
        before = load.snapshot()
        assert before.clean, before.failures
        load.set_served({OLD, NEW})
        hosts.first("up-green", NEW)
        hosts.first("route", "enable-green")
        load.spawn("anonymous", 12)
        eventually(lambda: load.snapshot().flipped > 0, "somebody is flipped")
        final = load.stop()
    assert f"{NEW} was answered by {OLD}" in {
        failure.what.removeprefix("flipped: ") for failure in final.failures
    }
