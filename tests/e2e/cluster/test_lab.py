"""Three hosts on one machine: the lab itself, before anything is released in it."""

from __future__ import annotations

from functools import partial

import requests

from testbed.cluster import Lab
from testbed.cluster.waiting import eventually
from tests.e2e.cluster.conftest import APP


def test_a_service_on_the_hosts_network_answers_at_each_node(lab: Lab) -> None:
    """And each node is one: by its name, its engine, its processes and its files."""
    on_host = ["--network", "host", "--mode", "global", "--detach"]
    lab.swarm.docker("service", "create", "--name", "app", *on_host, lab.registry.name(APP))
    try:
        for node in lab.nodes:
            url = f"http://{node.address}:3000/healthz"
            answers = partial(requests.get, url, timeout=5)
            eventually(answers, f"{node.name} answers", unless=(requests.ConnectionError,))
        assert set(lab.swarm.running("app")) == {node.name for node in lab.nodes}
    finally:
        lab.swarm.docker("service", "rm", "app")
    assert len({node.docker("info", "--format", "{{.ID}}") for node in lab.nodes}) == len(lab.nodes)
    for node in lab.nodes:
        assert node.run("hostname").strip() == node.name
        node.run("sh", "-c", "echo $(hostname) >/srv/mine")
    assert [node.run("cat", "/srv/mine").strip() for node in lab.nodes] == [node.name for node in lab.nodes]
