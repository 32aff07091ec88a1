"""The gate: a pause holds requests and then serves them once; maintenance is a page for all but a few."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from requests.adapters import HTTPAdapter
from websockets.sync.client import connect

from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

ALLOWED = "127.0.0.2"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    allow = (ALLOWED, "2001:db8::/32")
    with running(tmp_path_factory.mktemp("gate") / "project", allow=allow) as one:
        one.expected.append("a client request body is buffered to a temporary file")
        one.bgctl("up-green", NEW)
        yield one


@pytest.fixture
def gate(shop: Stack) -> Iterator[Stack]:
    """The stack with its gate open, before and after."""
    yield shop
    if shop.state().get("gate"):
        is_pause = shop.state()["gate"]["mode"] == "pause"
        shop.bgctl(*(["resume"] if is_pause else ["maintenance", "off"]))
    eventually(lambda: shop.proxy_status()["gate"] is None, "nobody is held any more")
    eventually(lambda: open_requests(shop) == 0, "nothing is left open")


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(60) as pool:
        yield pool


def held(stack: Stack) -> int:
    return (stack.proxy_status()["gate"] or {"held": 0})["held"]


def open_requests(stack: Stack) -> int:
    return sum(slot["open"] for slot in stack.proxy_status()["slots"].values())


def get(stack: Stack, path: str = "/api/whoami") -> requests.Response:
    return requests.get(f"{stack.url}{path}", timeout=60)


def post(stack: Stack, key: str) -> requests.Response:
    note, headers = {"text": "once"}, {"Idempotency-Key": key}
    return requests.post(f"{stack.url}/api/notes", json=note, headers=headers, timeout=60)


def times_seen(stack: Stack, key: str) -> int:
    seen: int = requests.get(f"http://127.0.0.1:{stack.ports.blue}/api/notes/{key}", timeout=10).json()[
        "seen"
    ]
    return seen


@contextmanager
def pausing(stack: Stack, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`bgctl pause` in the background. A test that fails leaves nobody with the lock."""
    with stack.start("pause", *arguments) as pause:
        try:
            yield pause
        finally:
            pause.terminate()


def answers(futures: list[Future[requests.Response]]) -> list[int]:
    return [future.result().status_code for future in futures]


def test_held_requests_are_served_once_when_the_command_is_done(
    gate: Stack, clients: ThreadPoolExecutor, tmp_path: Path
) -> None:
    go, keys = tmp_path / "go", [uuid.uuid4().hex for _ in range(20)]
    step = f"while [ ! -e {go} ]; do sleep 0.05; done"
    with pausing(gate, "--for", "60s", "--", "sh", "-c", step) as pause:
        eventually(lambda: gate.state().get("gate"), "it is paused")
        applied = gate.state()["generation"]
        eventually(lambda: gate.proxy_status()["generation"] == applied, "in every worker")
        asked = [clients.submit(post, gate, key) for key in keys]
        asked += [clients.submit(get, gate) for _ in range(20)]
        asked += [clients.submit(get, gate, "/api/deployment/version")]  # a shared service
        eventually(lambda: held(gate) == 41, "all are held")
        assert [times_seen(gate, key) for key in keys] == [0] * 20
        assert open_requests(gate) == 0
        assert "41 wait; next: bgctl resume" in gate.bgctl("status").stdout
        assert gate.bgctl("route", "enable-green", code=4), "the pause has the lock"
        go.touch()
        assert pause.wait(30) == 0
    assert answers(asked) == [201] * 20 + [200] * 21
    assert [times_seen(gate, key) for key in keys] == [1] * 20


def test_a_pause_waits_for_what_is_open_under_load(gate: Stack, clients: ThreadPoolExecutor) -> None:
    """Nobody gets an error, whenever a request comes."""
    over = threading.Event()

    def load() -> list[int]:
        with requests.Session() as client:
            seen = []
            while not over.wait(0.02):
                seen.append(client.get(f"{gate.url}/api/whoami", timeout=60).status_code)
            return seen

    running_clients = [clients.submit(load) for _ in range(8)]
    try:
        for _ in range(5):
            done = gate.bgctl("pause", "--for", "60s", "--", "true")
            assert "open requests  none" in done.stdout
    finally:
        over.set()
    seen = [status for each in running_clients for status in each.result()]
    assert set(seen) == {200}
    assert len(seen) > 100


def test_after_its_time_a_pause_turns_away_and_the_status_says_what_to_type(
    gate: Stack, clients: ThreadPoolExecutor
) -> None:
    gate.bgctl("pause", "--for", "1s")
    early = clients.submit(get, gate)
    assert early.result().status_code == 503, "held, and then turned away"
    late = get(gate)
    assert (late.status_code, late.headers["Retry-After"], late.headers["Cache-Control"]) == (
        *(503, "5"),
        "no-store",
    )
    said = gate.bgctl("status").stdout
    assert "every new request is turned away" in said
    assert "next: bgctl resume" in said
    eventually(
        lambda: (
            'bgctl_turned_away_total{mode="pause"} 2'
            in requests.get(f"{gate.control_url}/metrics", timeout=10).text
        ),
        "it is counted",
    )
    gate.bgctl("resume")
    assert get(gate).status_code == 200


def test_a_command_that_fails_ends_the_pause_and_its_code_is_said(gate: Stack) -> None:
    done = gate.bgctl("pause", "--", "sh", "-c", "exit 7", code=1)
    assert "the command failed: exit code 7" in done.stderr
    assert gate.state().get("gate") is None
    assert get(gate).status_code == 200


@pytest.mark.threat(46)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_46_an_interrupted_pause_ends(gate: Stack, number: signal.Signals, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with pausing(gate, "--", "sh", "-c", f"touch {begun}; sleep 60") as pause:
        eventually(begun.exists, "the command runs")
        pause.send_signal(number)
        assert pause.wait(30) == 130
    assert gate.state().get("gate") is None
    assert get(gate).status_code == 200


@pytest.mark.threat(42)
def test_42_a_killed_pause_is_told_and_ended_by_hand(gate: Stack, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    pause = gate.start("pause", "--for", "60s", "--", "sh", "-c", f"echo $$ > {begun}; exec sleep 60")
    eventually(lambda: begun.exists() and begun.read_text().strip(), "the command runs")
    pause.kill()
    pause.wait()
    assert "next: bgctl resume" in gate.bgctl("status").stdout
    gate.bgctl("resume")
    os.kill(int(begun.read_text()), signal.SIGKILL)  # nobody else ends it
    assert get(gate).status_code == 200


@pytest.mark.threat(28)
def test_28_a_client_that_goes_away_while_it_is_held_is_let_go(gate: Stack) -> None:
    gate.bgctl("pause", "--for", "60s")
    body = b'{"text": "x"}'
    heads = [b"GET /api/whoami HTTP/1.1\r\nHost: x\r\n\r\n"]
    heads.append(b"POST /api/notes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    sockets = [socket.create_connection(("127.0.0.1", gate.ports.proxy)) for _ in heads]
    for each, head in zip(sockets, heads, strict=True):
        each.sendall(head)
    eventually(lambda: held(gate) == 2, "both are held")
    for each in sockets:
        each.close()
    eventually(lambda: held(gate) == 0, "both are let go")


def test_a_switch_while_paused_holds_for_whoever_was_held(gate: Stack, clients: ThreadPoolExecutor) -> None:
    gate.bgctl("pause", "--for", "60s")
    visitor = clients.submit(get, gate)
    eventually(lambda: held(gate) == 1, "it is held")
    gate.bgctl("route", "enable-green")
    assert held(gate) == 1, "a release keeps the gate"
    gate.bgctl("resume")
    assert visitor.result().headers["X-Deployment-Version"] == NEW
    gate.bgctl("route", "disable-green")


@pytest.mark.threat(60)
def test_60_a_reload_while_paused_loses_nobody(gate: Stack, clients: ThreadPoolExecutor) -> None:
    gate.bgctl("pause", "--for", "60s")
    asked = [clients.submit(get, gate) for _ in range(20)]
    eventually(lambda: held(gate) == 20, "all are held")
    gate.container("proxy").kill("HUP")
    eventually(lambda: any(worker["exiting"] for worker in gate.proxy_status()["workers"]), "workers leave")
    asked += [clients.submit(get, gate) for _ in range(5)]
    eventually(lambda: held(gate) == 25, "the new workers hold, too")
    gate.bgctl("resume")
    assert answers(asked) == [200] * 25


def test_a_held_websocket_opens_and_an_open_one_lives_on(gate: Stack, clients: ThreadPoolExecutor) -> None:
    address = f"ws://127.0.0.1:{gate.ports.proxy}/ws"
    with connect(address) as before:
        before.recv(timeout=10)
        gate.bgctl("pause", "--for", "60s")
        held_one = clients.submit(connect, address, open_timeout=60)
        eventually(lambda: held(gate) == 1, "it is held")
        before.ping().wait(10)
        gate.bgctl("resume")
        with held_one.result() as after:
            assert after.recv(timeout=10)


class Echo(BaseHTTPRequestHandler):
    """In blue's place: remembers what reached it. Each connection is for one request: none outlives it."""

    seen: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.threat(25)
def test_25_a_held_post_arrives_once_and_to_the_byte(gate: Stack, clients: ThreadPoolExecutor) -> None:
    gate.expected += [
        "is (down|up again): frontend at",
        "reset by peer",
    ]  # what health checks see of the change
    gate.container("frontend-blue").stop(timeout=5)
    server = ThreadingHTTPServer(("127.0.0.1", gate.ports.blue), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    bodies = [os.urandom(3_000_000), os.urandom(100), b""]
    path = "/a%2Fb//c/../d%20e?x=%2F&y=%3f"
    try:
        gate.bgctl("pause", "--for", "60s")
        asked = [clients.submit(raw_post, gate, path, body) for body in bodies]
        eventually(lambda: held(gate) == 3, "all are held")
        assert Echo.seen == []
        gate.bgctl("resume")
        assert [future.result()[:12] for future in asked] == [b"HTTP/1.1 200"] * 3
        assert sorted(Echo.seen) == sorted((path, body) for body in bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        gate.start_again("blue")


def raw_post(stack: Stack, path: str, body: bytes) -> bytes:
    """As it stands: libraries would tidy the path up."""
    with socket.create_connection(("127.0.0.1", stack.ports.proxy), timeout=60) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode() + body)
        return client.recv(65536)


def from_address(address: str) -> requests.Session:
    class Bound(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, source_address=(address, 0), **kwargs)

    session = requests.Session()
    session.mount("http://", Bound())
    return session


def test_maintenance_is_a_page_for_all_but_the_allowed(gate: Stack) -> None:
    address = f"ws://127.0.0.1:{gate.ports.proxy}/ws"
    with connect(address) as open_one:
        gate.bgctl("maintenance", "on")
        page = requests.get(f"{gate.url}/", headers={"Accept": "text/html"}, timeout=10)
        assert (page.status_code, page.headers["Retry-After"], page.headers["Cache-Control"]) == (
            *(503, "60"),
            "no-store",
        )
        assert "Down for maintenance" in page.text
        assert get(gate).json()["status"] == 503
        assert get(gate, "/api/deployment/version").status_code == 503, "shared services, too"
        with from_address(ALLOWED) as ours:
            assert ours.get(f"{gate.url}/api/whoami", timeout=10).json()["version"] == OLD
            assert ours.get(f"{gate.url}/api/deployment/version", timeout=10).status_code == 200
        open_one.ping().wait(10)
        assert gate.proxy_status()["gate"]["mode"] == "maintenance"
        assert "nothing to do" in gate.bgctl("maintenance", "on").stdout
        assert "bgctl maintenance off" in gate.bgctl("resume", code=3).stderr
        assert "bgctl maintenance off" in gate.bgctl("doctor", code=None).stdout
        gate.bgctl("maintenance", "off")
    assert get(gate).status_code == 200
    said = [entry["what"] for entry in gate.ask("history", "--changes")]
    assert {"maintenance on", "maintenance off"} <= set(said)


@pytest.mark.threat(23)
def test_23_a_body_that_is_turned_away_is_not_read_as_a_request(gate: Stack) -> None:
    gate.bgctl("maintenance", "on")
    inner = b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gate.ports.proxy), timeout=10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner))
        answer = client.recv(1)  # before any of the body has come
        client.sendall(inner + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while more := client.recv(65536):
            answer += more
    assert answer.count(b"HTTP/1.1 503") == 2


@pytest.mark.threat(47)
def test_47_maintenance_outlives_the_proxy(gate: Stack) -> None:
    gate.bgctl("maintenance", "on")
    gate.container("proxy").restart(timeout=10)

    def statuses() -> set[int]:
        try:
            return {get(gate).status_code for _ in range(10)}
        except requests.ConnectionError:
            return set()

    seen: list[set[int]] = []

    def is_back() -> bool:
        seen.append(statuses())
        return bool(seen[-1])

    eventually(is_back, "the proxy is back")
    assert seen[-1] == {503}, "from the first accept"
