"""What a misbehaving app may do to others: nothing. Blue is replaced by an app of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest
import requests

from tests.e2e.support.actors import in_blues_place
from tests.e2e.support.stacks import Stack, eventually, running


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
        if self.path.startswith("/headers/"):
            self.send_header("Content-Security-Policy", "x" * int(self.path.removeprefix("/headers/")))
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
        with in_blues_place(one, App):
            yield one


@pytest.fixture
def app(proxied: Stack) -> list[tuple[str, dict[str, str]]]:
    """What reaches the app in this test: `("GET /path", headers)`."""
    App.seen.clear()
    return App.seen


def reached(app):
    return [request for request, _ in app]


@pytest.mark.threat(21)
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


@pytest.mark.threat(86)
@pytest.mark.parametrize("size", [12_000, 20_000, 32_000])
def test_86_an_answer_with_large_headers_comes_through(proxied, app, size):
    answer = requests.get(f"{proxied.url}/headers/{size}", timeout=10)
    assert (answer.status_code, len(answer.headers["Content-Security-Policy"])) == (200, size)


@pytest.mark.threat(86)
@pytest.mark.parametrize(("method", "done"), [("GET", False), ("POST", True)])
def test_86_an_answer_whose_headers_are_too_large_says_so(proxied, app, method, done):
    proxied.expected.append("upstream sent too big header")
    answer = requests.request(method, f"{proxied.url}/headers/40000", timeout=10)
    assert answer.status_code == 502
    assert "the headers of its answer are too large" in answer.json()["detail"]
    assert ("may have been done" in answer.json()["detail"]) is done
    assert "Retry-After" not in answer.headers
    assert reached(app) == [f"{method} /headers/40000"]
    page = requests.request(
        method, f"{proxied.url}/headers/40000", headers={"Accept": "text/html"}, timeout=10
    )
    assert page.headers["Content-Type"].startswith("text/html")
    assert "the headers of its answer are too large" in page.text


@pytest.mark.threat(86)
def test_86_cookies_of_more_than_16_kb_come_through(proxied, app):
    assert requests.get(f"{proxied.url}/", headers={"Cookie": "a=" + "x" * 30_000}, timeout=10).text == "ok"
    assert len(app[0][1]["Cookie"]) == 30_002
    answer = requests.get(
        f"{proxied.url}/api/deployment/session", headers={"Cookie": "a=" + "x" * 30_000}, timeout=10
    )
    assert answer.status_code == 401, "the session API has room for them, too"


@pytest.mark.threat(86)
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_86_cookies_for_which_there_is_no_room_are_named(proxied, app, accept):
    headers = {"Cookie": "a=" + "x" * 33_000, "Accept": accept}
    answer = requests.get(f"{proxied.url}/", headers=headers, timeout=10)
    assert answer.status_code == 431
    assert "headers of the request are too large" in answer.text
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert reached(app) == []


def raw(stack, request):
    """The answer to a request as bytes, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", stack.ports.proxy), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.threat(100)
@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("GET /x HTTP/1.0", None),
        ("GET http://shop.example/x HTTP/1.0", "shop.example"),
        ("GET http://127.0.0.1/x HTTP/1.0", "127.0.0.1"),
    ],
)
def test_100_a_request_without_host_has_one_for_the_app(proxied, app, line, host):
    assert raw(proxied, f"{line}\r\n\r\n".encode()).endswith(b"\r\n\r\nok")
    assert [(request, headers["Host"]) for request, headers in app] == [
        ("GET /x", host or f"127.0.0.1:{proxied.ports.proxy}")
    ]


@pytest.mark.threat(100)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    "path",
    [
        *("/_bgctl/activity", "/_bgctl/", "//_bgctl/activity", "/%5fbgctl/activity", "/_bgctl%2Factivity"),
        *("/x/../_bgctl/activity", "/x/%2e%2e/_bgctl/activity", "/api/auth/..%2f..%2f_bgctl/activity"),
        *("/_bgctl/./activity", "/_bgctl/x/../activity", "/api/deployment/../../_bgctl//activity"),
        *("/_bgctl/activity?x", "/_bgctl/activity#x", "/_bgctl/preview/", "http://x/_bgctl/activity"),
        # What nginx takes for a path of the session API, which would read it in another way.
        *("/api/deployment//version", "/api/deployment/%76ersion", "//api/deployment/version"),
        *("/api/deployment/x/../version", "/metrics/../api/deployment/version", "/api/deployment/version#x"),
        *("/token%3f/../api/deployment/version", "/_bgctl/activity%3f/../../api/deployment/version"),
        *("/api/deployment/./version", "/api/deployment/a%2fb", "http://x//api/deployment/version"),
    ],
)
def test_100_nothing_of_ours_is_reached_in_any_form(proxied, app, path, version):
    host = "Host: x\r\nConnection: close\r\n" if version == "1.1" else ""
    answer = raw(proxied, f"POST {path} HTTP/{version}\r\n{host}Content-Length: 0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"problem+json" not in answer, "the session API has not been asked"
    assert reached(app) == []


@pytest.mark.threat(100)
@pytest.mark.parametrize(
    ("path", "arrives"),
    [
        *((path, path) for path in ("/internal/", "/internal/activity", "/internal", "/_BGCTL/activity")),
        *((path, path) for path in ("/_bgctl", "/%69nternal/x", "/a%2Fb", "/x/../y", "/x?/_bgctl/")),
        ("http://x/internal/x?y", "/internal/x?y"),
        ("http://x", "/"),
    ],
)
def test_100_the_apps_own_paths_are_the_apps(proxied, app, path, arrives):
    assert raw(proxied, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()).endswith(
        b"ok"
    )
    assert reached(app) == [f"GET {arrives}"]


@pytest.mark.threat(100)
@pytest.mark.parametrize("host", ["Host: x\r\n", ""])
@pytest.mark.parametrize("path", ["/api/deployment/version", "http://x/api/deployment/version?y"])
def test_100_what_is_for_everybody_is_reached_in_its_plain_form(proxied, app, path, host):
    answer = raw(proxied, f"GET {path} HTTP/1.{1 if host else 0}\r\n{host}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'{"currentVersion":"1.6.7",' in answer
    assert reached(app) == []


@pytest.mark.threat(100)
@pytest.mark.parametrize("end", ["", "/", "/%41", "?x"])
def test_100_a_path_of_a_thousand_segments_is_one_like_others(proxied, app, end):
    """It was too much for the matcher of the guard, which said so in the error log."""
    path = f"/api/deployment{'/a' * 2000}{end}"
    answer = raw(proxied, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 " if end in ("/", "/%41") else b"HTTP/1.1 4")
    assert reached(app) == []


def load_and_post(proxied, app, path):
    """What a newcomer's page load of `path` and a POST after it get, and what of them reaches the app."""
    app.clear()
    browser = proxied.visitor()
    answers = [
        browser.get(proxied.url + path, allow_redirects=False, timeout=10),
        browser.post(proxied.url + path, data="x" * 100, allow_redirects=False, timeout=10),
    ]
    told = ("X-Deployment-Version", "X-Deployment-Slot", "X-Deployment-Generation", "Content-Length")
    return {
        "status": [answer.status_code for answer in answers],
        "version": [answer.headers["X-Deployment-Version"] for answer in answers],
        "cookies": [sorted(answer.cookies.keys()) for answer in answers],
        "asked": [request.replace(path, "PATH") for request, _ in app],
        "told": [[headers.get(name) for name in told] for _, headers in app],
    }


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/api/auth/login",
            "/api/auth/me",
            "/api/auth/token",
            "/api/auth/refresh",
            "/api/auth",
            "/api/auth/",
        ),
        *("/internal/report", "/internal", "/internal/", "/.well-known/jwks.json"),
        *("/token", "/metrics", "/readyz", "/status", "/explain", "/openapi.json", "/api/deployment"),
    ],
)
def test_the_apps_own_paths_are_decided_and_pinned_as_any_other(proxied, app, path):
    found = load_and_post(proxied, app, path)
    assert found == load_and_post(proxied, app, "/board")
    assert (found["status"], found["asked"]) == ([200, 200], ["GET PATH", "POST PATH"])
    assert (found["version"], found["cookies"]) == (["1.6.7", "1.6.7"], [["bg_pin"], []])


@pytest.mark.threat(28)
def test_28_an_internal_redirect_is_not_followed_and_counts_nothing_twice(proxied, app):
    assert requests.get(f"{proxied.url}/accel", timeout=10).text == "ok"
    assert reached(app) == ["GET /accel"]
    eventually(lambda: proxied.proxy_status()["slots"]["blue"]["open"] == 0, "nothing is left open")


@pytest.mark.threat(23)
@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "websocket, h2c", "x"])
def test_23_nothing_but_websockets_is_tunnelled(proxied, app, protocol):
    headers = {"Upgrade": protocol, "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"}
    assert requests.get(f"{proxied.url}/", headers=headers, timeout=10).status_code == 200
    got = {name.lower() for name in app[0][1]}
    assert "upgrade" not in got
    assert "connection" not in got


@pytest.mark.threat(25)
def test_25_a_post_that_was_sent_is_done_once_and_nobody_is_told_to_repeat_it(proxied, app):
    answer = requests.post(f"{proxied.url}/drop", data="x", timeout=10)
    assert answer.status_code == 503
    assert "Retry-After" not in answer.headers
    assert reached(app) == ["POST /drop"]
    assert requests.get(f"{proxied.url}/drop", timeout=10).headers["Retry-After"] == "2"


@pytest.mark.threat(26)
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
