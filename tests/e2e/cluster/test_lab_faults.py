"""What a lab can do to its nodes: cut them off, take their power, stop their time, and let them come back."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis
import requests

from testbed.cluster import Lab
from testbed.cluster.redis import Redis
from testbed.cluster.site import LABS, clear_leftovers
from testbed.cluster.waiting import eventually
from testbed.project import ROOT
from tests.e2e.cluster.conftest import APP

PORT = 3000


@pytest.fixture(scope="module")
def app(lab: Lab) -> Iterator[None]:
    """The demo app, at each node."""
    on_host = ["--network", "host", "--mode", "global", "--detach"]
    lab.swarm.docker("service", "create", "--name", "app", *on_host, lab.registry.name(APP))
    _all_answer(lab)
    yield
    lab.swarm.docker("service", "rm", "app")


def _answers(address: str) -> bool:
    try:
        return requests.get(f"http://{address}:{PORT}/healthz", timeout=1).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def _all_answer(lab: Lab) -> None:
    for node in lab.nodes:
        eventually(partial(_answers, node.address), f"the app answers at {node.name}")


def test_a_node_that_is_cut_off_is_down_and_comes_back(lab: Lab, app: None) -> None:
    """On it all goes on meanwhile, as it does on a host whose cable was pulled."""
    lost = lab.nodes[2]
    lost.cut()
    try:
        assert not _answers(lost.address)
        assert "1.6.7" in lost.run("curl", "--silent", "--fail", f"http://{lost.address}:{PORT}/healthz")
        lab.swarm.wait({"node1": "ready", "node2": "ready", "node3": "down"})
    finally:
        lost.mend()
    lab.swarm.wait({"node3": "ready"})
    _all_answer(lab)


def test_the_leader_loses_its_power_and_another_one_leads(lab: Lab, app: None) -> None:
    leader = lab.swarm.leader()
    containers = leader.docker("ps", "--quiet").split()
    assert containers
    leader.kill()
    try:
        assert not _answers(leader.address)
        assert lab.swarm.leader() is not leader
        lab.swarm.wait({leader.name: "down"})
        others = [node for node in lab.nodes if node is not leader]
        assert all(_answers(node.address) for node in others)
    finally:
        leader.back()
    lab.swarm.wait({leader.name: "ready"})
    _all_answer(lab)


def test_a_node_is_shut_down_in_good_order_and_has_its_disk_when_it_is_back(lab: Lab, app: None) -> None:
    node = lab.nodes[2]
    node.run("touch", "/srv/kept")
    images = node.docker("images", "--quiet")
    node.stop()
    try:
        assert not node.is_on and not _answers(node.address)
        assert "Daemon shutdown complete" in node.log
        lab.swarm.wait({node.name: "down"})
    finally:
        node.back()
    node.run("test", "-e", "/srv/kept")
    assert images and node.docker("images", "--quiet") == images
    lab.swarm.wait({node.name: "ready"})
    _all_answer(lab)


def test_a_node_that_hangs_is_down_and_keeps_its_connections(lab: Lab, app: None) -> None:
    hanging = lab.nodes[1]
    with requests.Session() as http:
        url = f"http://{hanging.address}:{PORT}/healthz"
        assert http.get(url, timeout=5).ok
        hanging.pause()
        try:
            with pytest.raises(requests.ReadTimeout):
                http.get(url, timeout=0.5)
            lab.swarm.wait({hanging.name: "down"})
        finally:
            hanging.resume()
        lab.swarm.wait({hanging.name: "ready"})
    _all_answer(lab)


def test_a_replica_takes_over_from_a_redis_that_died_with_its_node(lab: Lab) -> None:
    first, second = Redis(lab.nodes[0]), Redis(lab.nodes[1])
    first.start()
    second.start()
    try:
        first.client.set("fruit", "pear")
        second.follow(first)
        first.node.kill()
        assert not first.answers()
        with pytest.raises(redis.exceptions.ReadOnlyError):
            second.client.set("fruit", "apple")
        second.promote()
        assert second.client.get("fruit") == "pear" and second.client.set("fruit", "apple")
        first.node.back()
        first.start()
        assert first.client.get("fruit") == "pear", "it has what it had answered"
        first.follow(second)
        assert first.client.get("fruit") == "apple"
        second.kill()
        first.promote()
        second.start(empty=True)
        assert second.client.dbsize() == 0
    finally:
        first.kill()
        second.kill()
    lab.swarm.wait({node.name: "ready" for node in lab.nodes})


def test_nothing_is_left_of_a_lab_that_was_killed(lab: Lab) -> None:
    """Its processes go with it, and the next lab removes its files; one that lives is left alone."""
    with subprocess.Popen(
        [sys.executable, "-m", "testbed.cluster", "--nodes", "1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as other:
        assert other.stdout
        said = []
        for line in other.stdout:
            said.append(line)
            if "docker.sock" in line:
                break
        socket = Path(line.partition("unix://")[2].split()[0])
        assert socket.exists() and socket.parents[1] != lab.site.folder, said
        (init,) = [word.partition("=")[2] for word in next(other.stdout).split() if "--target" in word]
        other.send_signal(signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{init}").exists(), "its node is gone")
    folder = socket.parents[1]
    assert folder.parent == LABS and folder.exists()
    clear_leftovers()
    assert not folder.exists() and lab.site.folder.exists()
    assert f"bgctl-lab{folder.name}" not in subprocess.check_output(["ip", "link"], text=True)
    assert f"/bgctl-lab{folder.name}" not in "".join(map(str, Path("/sys/fs/cgroup").glob("*/bgctl-lab*")))
    assert str(folder) not in Path("/proc/mounts").read_text()
