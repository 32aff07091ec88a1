"""Nodes behind a load balancer: what they tell it, and one that is taken out for maintenance under load."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.e2e.support.balancing import PATH, SETTINGS, Clients, Node, balanced
from tests.e2e.support.stacks import NEW, eventually, running

pytestmark = pytest.mark.timeout(600)
# What HAProxy speaks, and the seconds between two requests of one client.
FORMS = [
    pytest.param("http", 0.1, id="short"),
    pytest.param("http", 0.02, id="http", marks=pytest.mark.faults),
    pytest.param("tcp", 0.02, id="tcp", marks=pytest.mark.faults),
]
DOWN = r"(blue|green) is (down|up again): |connect\(\) failed"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Two nodes that are in the same release, with the same keys."""
    folder = tmp_path_factory.mktemp("nodes")
    with running(folder / "one", Node, proxy_more=SETTINGS, health_check="500ms") as one:
        assert isinstance(one, Node)
        two = Node(folder / "two", f"bgt{uuid4().hex[:8]}", proxy_more=SETTINGS, health_check="500ms")
        two.like = one
        try:
            two.up()
            for each in (one, two):
                each.start_of_release()
            yield one, two
            two.assert_clean_log()
        finally:
            two.remove()


@pytest.mark.parametrize(("mode", "pace"), FORMS)
def test_a_node_goes_for_maintenance_and_comes_back_and_no_request_is_lost(nodes, tmp_path, mode, pace):
    """Of sessions of both versions, none is lost or flipped; a WebSocket lives until it has ended."""
    one, two = nodes
    with balanced(tmp_path, mode, one, two) as url, Clients(url, one, pace) as clients:
        eventually(lambda: one.served > 100 and two.served > 100, "both get traffic")
        with socket_on(one, two, url) as held:
            said = one.bgctl("node", "drain", "--why", "new kernel", "--within", "3s", code=5)
            assert "1 WebSocket" in said.stderr
            assert held.ping().wait(10), "it lives"
        done = one.bgctl("node", "drain")
        assert "drained: nothing is open" in done.stdout
        assert one.ask("node", "drain")["empty"], "and again: it goes on from there"
        rested = one.served
        clients.keep_on()
        assert one.served == rested, "nothing comes any more"
        assert "new kernel" in one.bgctl("status").stdout
        one.assert_clean_log()
        one.bgctl("down", "--yes")
        clients.keep_on()
        up = one.bgctl("up")
        assert "new kernel: load balancers are told to send it nothing; next: bgctl node ready" in up.stderr
        clients.keep_on(200)
        assert one.served == 0, "it stays drained over a restart"
        one.bgctl("node", "ready")
        eventually(lambda: one.served > 100, "it gets traffic again")
        two.assert_clean_log()
    print(f"{mode}: {dict(clients.seen)}")
    assert clients.wrong == {}
    assert clients.seen["good"] > 500
    changes = [line["what"] for line in one.ask("history", "--changes")]
    assert {"node drain", "node ready"} <= set(changes)


@contextmanager
def socket_on(node: Node, other: Node, url: str) -> Iterator[ClientConnection]:
    """A WebSocket that the load balancer has given to this node."""
    is_here = False
    while not is_here:
        with connect(f"ws{url.removeprefix('http')}/ws") as made:
            eventually(lambda: websockets(node) + websockets(other) == 1, "it is counted")
            is_here = websockets(node) == 1
            if is_here:
                yield made
        eventually(lambda: websockets(node) + websockets(other) == 0, "it is closed")


def websockets(node: Node) -> int:
    return sum(slot["websockets"] for slot in node.proxy_status()["slots"].values())


def test_what_a_load_balancer_is_told_and_when(nodes):
    one, _ = nodes
    status, word, headers = one.asked()
    assert (status, word, headers["cache-control"]) == (200, "ready", "no-store")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert "set-cookie" not in headers
    status, word, headers = one.asked("HEAD")
    assert (status, word, headers["content-length"]) == (200, "", "6")
    status, _, headers = one.asked("POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    before = one.served
    one.bgctl("maintenance", "on")
    try:
        assert one.asked()[:2] == (200, "ready"), "the page is an answer"
    finally:
        one.bgctl("maintenance", "off")
    assert one.asked(Host="other.example")[0] == 200, "at every host"
    assert one.served == before, "it is counted nowhere"
    explained = json.loads(one.bgctl("explain", "--json", stdin=f"curl http://x{PATH}").stdout)
    assert explained["service"] is None


def test_the_word_of_each_reason(nodes):
    one, _ = nodes
    said = one.directory / "state" / "node.json"

    def is_told(status: int, word: str) -> None:
        series = f"\nbgctl_node_ready {int(status == 200)}\n"
        eventually(lambda: one.asked()[:2] == (status, word), f"it is told {status} {word}")
        eventually(lambda: series in requests.get(f"{one.control_url}/metrics", timeout=10).text, series)

    one.expected += [r"node\.json refused, the last good one stays in force: ", DOWN]
    said.write_text('{"drain": true}')
    is_told(503, "drained")
    said.write_text('{"drain": tru')
    eventually(lambda: one.proxy_status()["node"]["error"], "it is refused")
    is_told(503, "drained")
    assert "node.json is damaged" in one.bgctl("doctor", code=None).stdout
    one.bgctl("node", "ready")
    is_told(200, "ready")
    assert one.proxy_status()["node"]["error"] is None
    one.container("frontend-green").kill()
    eventually(lambda: one.proxy_status()["slots"]["green"]["health"]["up"] is False, "green is down")
    is_told(200, "ready")  # blue answers in its place
    one.container("frontend-blue").kill()
    is_told(503, "down")
    for slot in ("blue", "green"):
        one.start_again(slot)
    is_told(200, "ready")
    assert one.state()["slots"]["green"]["version"] == NEW


def test_another_host_is_another_node(nodes):
    one, _ = nodes
    said = one.bgctl("node", "drain", "web-9", code=3)
    assert f"this one is {socket.gethostname()}" in said.stderr
    assert "next: bgctl --host web-9 node drain" in said.stderr
    assert one.asked()[:2] == (200, "ready")
