"""The proxy and bgctl ask a service in the same words, and think the same of every answer (threat 36).

Both ask one real server: the proxy's Lua gets sockets that are Python's.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import NGINX_STUB, Lua, plain
from toolkit.health.answer import Answer, followed
from toolkit.health.check import Check
from toolkit.health.proof import probe
from toolkit.values import Address

WANTED, OTHER = "1.6.8", "1.6.7"
HOST = "shop.example"
PROOFS = ["image", "json", "header:X-App-Version"]


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", *lines, f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


JSON = b'{"status": "ok", "version": "%s"}' % WANTED.encode()
ANSWERS = {
    "ok": answer(200, b"OK", Content_Type="text/plain"),
    "json": answer(200, JSON),
    "created": answer(201, JSON),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no content, with a version": b"HTTP/1.1 204 No Content\r\nX-App-Version: 1.6.8\r\n\r\n",
    "until it closes": b"HTTP/1.0 200 OK\r\n\r\n" + JSON,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    % (len(JSON), JSON),
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + JSON,
    "another version": answer(200, b'{"version": "1.6.7"}', X_App_Version=OTHER),
    "header": answer(200, b"OK", x_app_version=WANTED),
    "header with blanks": answer(200, b"OK", X_App_Version=f"  {WANTED}\t "),
    "header twice": answer(200, b"OK", X_App_Version=WANTED, x_app_version=OTHER),
    "header of another name": answer(200, b"OK", Old_X_App_Version=WANTED),
    "empty header": answer(200, b"OK", X_App_Version=""),
    "header that is no version": answer(200, b"OK", X_App_Version="1.6.8 (abc)"),
    "no version": answer(200, b'{"status": "ok"}'),
    "version that is a number": answer(200, b'{"version": 1.6}'),
    "version that is null": answer(200, b'{"version": null}'),
    "version with a line end": answer(200, b'{"version": "1.6.8\\n"}'),
    "version twice": answer(200, b'{"version": "1.6.8", "version": "1.6.8"}'),
    "array": answer(200, b'["1.6.8"]'),
    "text": answer(200, b'"1.6.8"'),
    "html": answer(200, b"<html>1.6.8</html>"),
    "empty": answer(200),
    "not UTF-8": answer(200, b'{"version": "1.6.8", "x": "\xff"}'),
    "with a byte order mark": answer(200, b"\xef\xbb\xbf" + JSON),
    "NaN": answer(200, b'{"version": "1.6.8", "load": NaN}'),
    "something after it": answer(200, JSON + b" x"),
    "blanks around it": answer(200, b" \r\n" + JSON + b"\n"),
    "deep": answer(200, b'{"version": "1.6.8", "x": ' + b"[" * 30 + b"]" * 30 + b"}"),
    "large": answer(200, b'{"version": "1.6.8", "x": "' + b"y" * 70_000 + b'"}', X_App_Version=WANTED),
    **{
        f"status {status}": answer(status, JSON, X_App_Version=WANTED)
        for status in (300, 304, 400, 401, 403, 404, 405, 421, 429, 500, 502, 503)
    },
    "redirect without a place": answer(302),
    "redirect to https": answer(301, Location=f"https://{HOST}/health"),
    "redirect to another host": answer(301, Location="https://www.shop.example/health/"),
    "redirect to a log-in": answer(302, Location="/login?next=/health"),
    "redirect to itself": answer(308, Location="/health"),
    "redirect in other letters": answer(307, location="/heal\xc3\xa4th"),
    "redirect that is long": answer(302, Location="/" + "x" * 300),
    "redirect to a slash": answer(301, Location="/health/"),
    "redirect to a slash, whole": answer(301, Location=f"https://{HOST.upper()}/health/#top"),
    "redirect to a slash elsewhere": answer(301, Location="//health/"),
    "header on two lines": b"HTTP/1.1 200 OK\r\nX-App-Version: 1.6.8\r\n and more\r\n\r\n",
    "chunks without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n" + JSON,
    "chunks of nonsense": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"z" * 90_000,
    "chunks that are cut short": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n" + JSON,
    "a head without an end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "nothing": b"",
}


class Server(ThreadingHTTPServer):
    """Answers every path with `says`, and a path that ends in a slash with `then`."""

    says = then = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heads: list[tuple[str, list[tuple[str, str]]]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.heads.append((self.path, sorted(self.headers.items())))
        self.wfile.write(self.server.then if self.path.endswith("/") else self.server.says)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def app() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def proxy() -> Lua:
    one = Lua()
    one.runtime.execute(NGINX_STUB)
    one.nginx = one.runtime.globals()[b"ngx"]
    one.nginx[b"update_time"] = lambda: None
    one.nginx[b"now"] = time.time
    one.nginx[b"socket"][b"tcp"] = lambda: cosocket(one)
    return one


def cosocket(lua: Lua) -> Any:
    """A socket of Python's with the methods and the answers of nginx's."""
    own = socket.socket()

    def connect(_: object, host: bytes, port: int) -> object:
        own.connect((host.decode(), port))
        return True

    def receive(_: object, size: int) -> object:
        try:
            return own.recv(size) or (None, b"closed")
        except OSError:
            return None, b"connection reset by peer"

    methods = {
        b"connect": connect,
        b"receiveany": receive,
        b"settimeout": lambda _, milliseconds: own.settimeout(milliseconds / 1000),
        b"send": lambda _, text: own.send(text),
        b"close": lambda _: own.close(),
    }
    return lua.runtime.table_from(methods)


def check_of(app: Server, proof: str, path: str = "/health") -> Check:
    return Check("web", Address(f"127.0.0.1:{app.server_port}"), path, HOST, "https", proof)


def of_proxy(lua: Lua, check: Check) -> tuple[str, str | None]:
    peer = lua.table({"address": str(check.address), "path": check.path, "host": check.host})
    peer[b"scheme"], peer[b"proof"] = check.scheme.encode(), check.proof.encode()
    found = lua.module("health.probe")(peer, check.within)
    found = found[0] if isinstance(found, tuple) else found
    if found is None:
        return "no_answer", None
    outcome = lua.module("health.verdict")[b"outcome"](found, check.proof.encode(), WANTED.encode())
    kind, why = outcome if isinstance(outcome, tuple) else (outcome, None)
    return plain(kind), why and plain(why)


def of_bgctl(check: Check) -> tuple[str, str | None]:
    found = probe(check, WANTED)
    if found is None or found.kind == "no_answer":
        return ("no_answer" if found else "good"), None
    return {"redirect": "status"}.get(found.kind, found.kind), found.seen


@pytest.mark.threat(36)
@pytest.mark.parametrize("proof", PROOFS)
@pytest.mark.parametrize("name", ANSWERS)
def test_36_both_think_the_same_of_an_answer(app: Server, proxy: Lua, name: str, proof: str) -> None:
    app.says, app.then = ANSWERS[name], answer(200, JSON, X_App_Version=WANTED)
    check = check_of(app, proof)
    assert of_proxy(proxy, check) == of_bgctl(check)


GOOD = {
    "image": {"ok", "json", "created", "no content", "html", "large", "redirect to a slash", "cut short"},
    "json": {"json", "created", "until it closes", "chunked", "blanks around it", "redirect to a slash"},
    "header:X-App-Version": {"header", "header with blanks", "large", "redirect to a slash, whole"},
}


@pytest.mark.parametrize("proof", PROOFS)
def test_any_2xx_is_healthy_and_shows_its_version_where_it_is_told_to(app: Server, proof: str) -> None:
    for name in GOOD[proof]:
        app.says, app.then = ANSWERS[name], answer(200, JSON, X_App_Version=WANTED)
        assert of_bgctl(check_of(app, proof)) == ("good", None), name


def test_both_ask_in_the_same_words(app: Server, proxy: Lua) -> None:
    app.says, app.then = answer(301, Location="/health/"), answer(200)
    app.heads.clear()
    of_proxy(proxy, check_of(app, "image"))
    asked = app.heads.copy()
    app.heads.clear()
    of_bgctl(check_of(app, "image"))
    assert asked == app.heads
    assert [path for path, _ in asked] == ["/health", "/health/"], "and follow a slash once"
    headers = dict(asked[0][1])
    assert (headers["Host"], headers["X-Forwarded-Proto"]) == (HOST, "https")


def test_a_slash_is_followed_once(app: Server, proxy: Lua) -> None:
    app.says, app.then = answer(301, Location="/health/"), answer(301, Location="/health")
    check = check_of(app, "image")
    assert of_bgctl(check) == of_proxy(proxy, check) == ("status", "answered status 301, to /health")


class Dripping:
    """A server that sends one byte after the other, without an end."""

    def __init__(self, first: bytes) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._first, self._stopped = first, threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> int:
        return int(self._listening.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            one, _ = self._listening.accept()
            with one:
                one.sendall(self._first)
                while not self._stopped.wait(0.05):
                    one.sendall(b"x")


@pytest.mark.threat(36)
@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
    ],
)
def test_36_an_answer_that_drips_is_over_in_time(proxy: Lua, first: bytes) -> None:
    """A socket's own time-out begins anew with every byte: bgctl waited for hours, the proxy for a while."""
    for ask in (of_bgctl, lambda check: of_proxy(proxy, check)):
        with Dripping(first) as port:
            began = time.monotonic()
            check = Check("web", Address(f"127.0.0.1:{port}"), "/health", HOST, "https", "json", 0.4)
            assert ask(check) == ("no_answer", None)
            assert time.monotonic() - began < 3


paths = st.from_regex(r"/[a-z/#?.]{0,8}", fullmatch=True)
places = st.builds(
    "{}{}".format,
    st.sampled_from(["", "http://shop.example", "HTTPS://Shop.Example", "https://b", "//b"]),
    paths,
)


@given(paths, places | st.text(max_size=12), st.sampled_from([301, 302, 303, 304, 307, 308, 200]))
def test_both_follow_the_same_redirects(lua: Lua, path: str, location: str, status: int) -> None:
    location = location.encode("ascii", "ignore").decode().strip().replace("\r", "").replace("\n", "")
    head = f"HTTP/1.1 {status} X\r\nLocation: {location}\r".encode()
    found = lua.module("health.verdict")[b"followed"](
        lua.runtime.table_from({b"status": status, b"head": head}), path.encode(), HOST.encode()
    )
    assert (found and plain(found)) == followed(Answer(status, location), path, HOST)


@pytest.mark.threat(63)
@given(st.text(st.characters(codec="ascii"), max_size=30))
def test_63_no_header_makes_the_proxy_throw(lua: Lua, text: str) -> None:
    head = f"HTTP/1.1 302 X\r\n{text}\r\nLocation: {text}\r".encode()
    for proof in PROOFS:
        document = lua.runtime.table_from({b"status": 200, b"head": head, b"body": text.encode()})
        lua.module("health.verdict")[b"outcome"](document, proof.encode(), b"1.6.7")
        document[b"status"] = 302
        lua.module("health.verdict")[b"outcome"](document, proof.encode(), b"1.6.7")
