"""What a misbehaving app may do to others: nothing. Blue is replaced by an app of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import requests
from stacks import Stack, eventually, running


class App(BaseHTTPRequestHandler):
    """Answers by path, and remembers what reached it."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, dict[str, str]]]] = []
    read: ClassVar[threading.Event] = threading.Event()

    def handle_request(self) -> None:
        if self.path == "/healthz":  # the proxy's own question
            self.answer(b'{"version": "1.6.7"}')
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((f"{self.command} {self.path}", dict(self.headers)))
        if self.path == "/drop":
            self.close_connection = True
            return
        self.send_response(200)
        if self.path == "/large-headers":
            self.send_header("Content-Security-Policy", "x" * 12_000)
        if self.path.startswith("/drip"):
            self.drip()
            return
        if self.path == "/accel":
            self.send_header("X-Accel-Redirect", "/elsewhere")
        cut = self.path == "/cut"
        self.send_header("Content-Length", "1000000" if cut else "2")
        self.end_headers()
        self.wfile.write(b"ok")
        self.close_connection = cut

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """One event, and the next one when somebody has read it."""
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        if self.path == "/drip-unbuffered":
            self.send_header("X-Accel-Buffering", "no")
        self.end_headers()
        self.wfile.write(b"9\r\ndata: 1\n\n\r\n")
        self.wfile.flush()
        came = self.read.wait(30)
        self.wfile.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n" if came else b"0\r\n\r\n")

    do_GET = do_POST = handle_request  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack at rest of which only the proxy matters: App answers on blue's port."""
    with running(tmp_path_factory.mktemp("upstream") / "project") as one:
        one.expected.append(r"upstream prematurely closed|reset by peer|blue is (down|up again): ")
        one.container("frontend-blue").stop(timeout=5)
        server = ThreadingHTTPServer(("127.0.0.1", one.ports.blue), App)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield one
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def app(proxied: Stack) -> list[tuple[str, dict[str, str]]]:
    """What reaches the app in this test: `("GET /path", headers)`."""
    App.seen.clear()
    return App.seen


def reached(app):
    return [request for request, _ in app]


def test_21_the_app_sees_what_the_proxy_says(proxied, app):
    lies = {
        "X-Deployment-Version": "9.9.9",
        "X-Deployment-Slot": "purple",
        "X-Forwarded-For": "8.8.8.8",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Host": "elsewhere.example",
        "X-Request-Id": "mine",
        "X-Real-IP": "8.8.8.8",
        "Forwarded": "for=8.8.8.8",
    }
    requests.get(f"{proxied.url}/", headers=lies, timeout=10)
    headers = {name.lower(): value for name, value in app[0][1].items()}
    assert not [name for name, lie in lies.items() if headers.get(name.lower()) == lie]
    assert headers["x-deployment-version"] == "1.6.7"
    assert (headers["x-deployment-slot"], headers["x-forwarded-for"]) == ("blue", "127.0.0.1")
    assert "forwarded" not in headers


def test_an_answer_with_large_headers_comes_through(proxied, app):
    answer = requests.get(f"{proxied.url}/large-headers", timeout=10)
    assert (answer.status_code, len(answer.headers["Content-Security-Policy"])) == (200, 12_000)


def test_28_an_internal_redirect_is_not_followed_and_counts_nothing_twice(proxied, app):
    assert requests.get(f"{proxied.url}/accel", timeout=10).text == "ok"
    assert reached(app) == ["GET /accel"]
    eventually(lambda: proxied.proxy_status()["slots"]["blue"]["open"] == 0, "nothing is left open")


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "websocket, h2c", "x"])
def test_23_nothing_but_websockets_is_tunnelled(proxied, app, protocol):
    headers = {"Upgrade": protocol, "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"}
    assert requests.get(f"{proxied.url}/", headers=headers, timeout=10).status_code == 200
    got = {name.lower() for name in app[0][1]}
    assert "upgrade" not in got
    assert "connection" not in got


def test_25_a_post_that_was_sent_is_done_once_and_nobody_is_told_to_repeat_it(proxied, app):
    answer = requests.post(f"{proxied.url}/drop", data="x", timeout=10)
    assert answer.status_code == 503
    assert "Retry-After" not in answer.headers
    assert reached(app) == ["POST /drop"]
    assert requests.get(f"{proxied.url}/drop", timeout=10).headers["Retry-After"] == "2"


def test_26_an_answer_that_breaks_off_is_not_asked_for_again(proxied, app):
    with pytest.raises(requests.RequestException):
        requests.get(f"{proxied.url}/cut", timeout=10)
    assert reached(app) == ["GET /cut"]


@pytest.mark.parametrize("path", ["/drip", "/drip-unbuffered"])
def test_an_event_is_passed_on_when_it_is_written_and_not_when_a_buffer_is_full(proxied, app, path):
    App.read.clear()
    with requests.get(f"{proxied.url}{path}", stream=True, timeout=10) as answer:
        assert answer.raw.read1() == b"data: 1\n\n"
        App.read.set()
        assert answer.raw.read() == b"data: 2\n\n"


def test_one_bad_request_turns_nobody_away(proxied, app):
    for _ in range(10):
        requests.post(f"{proxied.url}/drop", timeout=10)
    assert requests.get(f"{proxied.url}/", timeout=10).text == "ok"
