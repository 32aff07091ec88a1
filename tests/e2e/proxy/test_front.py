"""What an ordinary nginx in front of an app does: load balancers, limits, logs, redirects and passwords."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from tests.e2e.support.actors import in_blues_place
from tests.e2e.support.stacks import Stack, eventually, running

BALANCER, OFFICE, STRANGER, EAGER, LASTING = (f"127.0.0.{last}" for last in (2, 5, 7, 8, 9))
LOG = "proxy/log/access.log"
LINE = re.compile(
    r'[0-9.]+ - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /\S* HTTP/1\.1" \d{3} \d+ "[^"]*" "[^"]*"'
)
INCLUDE = """\
# What the nginx before us did.
rewrite ^/blog/([0-9]+)$ /posts/$1 permanent;
location = /shop { return 301 $scheme://$host/; }
location /gone/ { return 410 "It is gone."; }
location /staff/ { auth_basic "Staff only"; auth_basic_user_file nginx/passwords; }
location = /staff/hook { auth_basic off; }
"""
OFFICE_HOURS = f"""\
auth_basic "Team only";
auth_basic_user_file nginx/passwords;
satisfy any;
allow {OFFICE};
deny all;
"""


class App(BaseHTTPRequestHandler):
    """Tells what it was told, in place of blue."""

    protocol_version = "HTTP/1.1"
    over: ClassVar[threading.Event] = threading.Event()

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {"version": "1.6.7", **{name.lower(): value for name, value in self.headers.items()}}
        body = json.dumps(told).encode()
        self.send_response(200)
        if self.path == "/events":
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("X-Accel-Buffering", "no")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: 1\n\n")
            self.wfile.flush()
            self.over.wait(30)
            self.close_connection = True
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with all of it. Only EAGER, LASTING and STRANGER have limits; App answers in place of blue."""
    directory = tmp_path_factory.mktemp("front") / "project"
    (directory / "nginx").mkdir(parents=True)
    secret = ["openssl", "passwd", "-apr1", "pw"]
    hashed = subprocess.run(secret, capture_output=True, text=True, check=True).stdout
    (directory / "nginx" / "passwords").write_text(f"ada:{hashed}")
    (directory / "nginx" / "extra.conf").write_text(INCLUDE)
    log = {"access_log": "combined", "access_log_file": "access.log", "access_log_size": "1k"}
    with running(
        directory,
        tls=True,
        tls_more={"redirect": False},
        proxy_more={"trusted": [BALANCER], "include": "nginx/extra.conf", "access_log_keep": 1000, **log},
        limits={"requests": "20/m", "burst": 3, "connections": 2, "exempt": ["127.0.0.1", OFFICE]},
    ) as one:
        one.expected.append(r"blue is (down|up again): |upstream prematurely closed|reset by peer")
        one.expected.append(r'user "ada": password mismatch')
        with in_blues_place(one, App):
            yield one


def curl(url: str, *options: str, source: str = "127.0.0.1") -> tuple[int, dict[str, str], str]:
    """The status, the headers in small letters, and the body."""
    command = [
        "curl",
        "--silent",
        "--include",
        "--insecure",
        "--http1.1",
        "--interface",
        source,
        *options,
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    head, _, body = done.stdout.partition("\n\n")
    status, *lines = head.splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status.split()[1]), headers, body


def told(url: str, *options: str, source: str = "127.0.0.1") -> dict[str, str]:
    """What the app was told of a request."""
    status, _, body = curl(url, *options, source=source)
    assert status == 200, body
    headers: dict[str, str] = json.loads(body)
    return headers


def saying(**headers: str) -> list[str]:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return [part for name, value in pairs for part in ("--header", f"{name}: {value}")]


def asked_for(headers: dict[str, str]) -> tuple[str, str, str]:
    return headers["x-forwarded-proto"], headers["x-forwarded-host"], headers["x-forwarded-port"]


# Load balancers


def test_the_app_is_told_what_browsers_asked_for(front):
    url, port = front.plain_url, str(front.ports.proxy)
    lies = saying(X_Forwarded_Host="evil.example", X_Forwarded_Port="1", X_Forwarded_Proto="https")
    assert asked_for(told(url, *lies)) == ("http", f"127.0.0.1:{port}", port), "a client is not believed"
    assert asked_for(told(f"{front.url}/")) == ("https", f"127.0.0.1:{front.ports.tls}", str(front.ports.tls))
    assert asked_for(told(url, *saying(Host="shop.example"))) == ("http", "shop.example", "80")
    by_tls = saying(X_Forwarded_Host="shop.example", X_Forwarded_Proto="https")
    assert asked_for(told(url, *by_tls, source=BALANCER)) == ("https", "shop.example", "443")
    further = saying(X_Forwarded_Host="evil.example, shop.example:8443")
    assert asked_for(told(url, *further, source=BALANCER)) == ("http", "shop.example:8443", "8443")
    port_alone = told(url, *by_tls, *saying(X_Forwarded_Port="8443"), source=BALANCER)
    assert asked_for(port_alone) == ("https", "shop.example", "8443")
    odd = saying(X_Forwarded_Host="shop.example/x", X_Forwarded_Port="99999999", Host="own.example:81")
    assert asked_for(told(url, *odd, source=BALANCER)) == ("http", "own.example:81", "81")
    assert "forwarded" not in told(url, *saying(Forwarded="for=8.8.8.8"), source=BALANCER)


@contextmanager
def settings(stack: Stack, **changed: Any) -> Iterator[None]:
    """The settings of [proxy] for a while."""
    before = stack.proxy_more
    stack.configure(proxy_more={**before, **changed}).bgctl("reload")
    try:
        yield
    finally:
        stack.configure(proxy_more=before).bgctl("reload")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def haproxy(folder: Path, *ways: tuple[int, str, str]) -> Iterator[list[int]]:
    """A load balancer that passes connections on: for each (port, from where, how), the port to ask."""
    mine = free_ports(len(ways))
    parts = ["defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n"]
    for here, (there, source, how) in zip(mine, ways, strict=True):
        parts.append(
            f"listen l{here}\n bind 127.0.0.1:{here}\n source {source}\n server s 127.0.0.1:{there} {how}\n"
        )
    conf = folder / "haproxy.cfg"
    conf.write_text("".join(parts))
    running_one = subprocess.Popen(["haproxy", "-db", "-f", str(conf)])
    try:
        for port in mine:
            eventually(partial(is_open, port), "haproxy listens")
        yield mine
    finally:
        running_one.terminate()
        running_one.wait(10)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def raw(stack: Stack, sent: bytes, source: str = "127.0.0.1") -> bytes:
    """All that the proxy says to these bytes on its plain listener."""
    at = ("127.0.0.1", stack.ports.proxy)
    with socket.create_connection(at, timeout=20, source_address=(source, 0)) as one:
        one.sendall(sent)
        found = b""
        while more := _received(one):
            found += more
        return found


def _received(one: socket.socket) -> bytes:
    try:
        return one.recv(65536)
    except ConnectionResetError:
        return b""


def test_the_proxy_protocol_says_who_the_client_is(front, tmp_path):
    plain, tls = front.ports.proxy, front.ports.tls
    ways = [
        (plain, BALANCER, "send-proxy"),
        (plain, BALANCER, "send-proxy-v2 check check-send-proxy inter 100ms"),
        (tls, BALANCER, "send-proxy-v2"),
        (plain, STRANGER, "send-proxy-v2"),
    ]
    with settings(front, proxy_protocol=True), haproxy(tmp_path, *ways) as ports:
        lies = saying(X_Forwarded_For="8.8.8.8", X_Forwarded_Proto="gopher", X_Forwarded_Host="evil.example")
        for port, scheme in zip(ports[:3], ("http", "http", "https"), strict=True):
            headers = told(f"{scheme}://127.0.0.1:{port}/", *lies, source=OFFICE)
            assert headers["x-forwarded-for"] == headers["x-real-ip"] == OFFICE
            assert asked_for(headers) == (scheme, f"127.0.0.1:{port}", str(port)), "headers are the client's"
        not_trusted = told(f"http://127.0.0.1:{ports[3]}/", *lies, source=OFFICE)
        assert not_trusted["x-forwarded-for"] == STRANGER, "whom nobody trusts says nothing of others"
        ask = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
        assert raw(front, ask) == b"", "without the header it is no connection of a load balancer"
        assert raw(front, b"PROXY nonsense\r\n" + ask) == b""
        assert raw(front, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + ask) == b""
        unknown = raw(front, b"PROXY UNKNOWN\r\n" + ask, source=BALANCER)
        assert f'"x-real-ip": "{BALANCER}"'.encode() in unknown, "a health check of its own"
        claimed = raw(front, b"PROXY TCP4 8.8.8.8 127.0.0.1 5 80\r\n" + ask, source=STRANGER)
        assert f'"x-real-ip": "{STRANGER}"'.encode() in claimed
    assert told(front.plain_url)["x-real-ip"] == "127.0.0.1"


# Limits


def metric(stack: Stack, series: str) -> float:
    text = requests.get(f"{stack.control_url}/metrics", timeout=10).text
    found = re.search(rf"(?m)^{re.escape(series)} (\S+)$", text)
    return float(found[1]) if found else 0


def test_a_client_that_asks_too_much_is_told_when_to_come_again(front):
    counted = 'bgctl_limited_total{limit="requests"}'
    before = metric(front, counted)
    answers = [curl(front.plain_url, source=EAGER) for _ in range(6)]
    assert [status for status, _, _ in answers] == [200] * 4 + [429] * 2
    _, headers, body = answers[-1]
    assert headers["retry-after"] == "3", "20 a minute"
    assert (json.loads(body)["status"], headers["content-type"]) == (429, "application/problem+json")
    page = curl(front.plain_url, *saying(Accept="text/html"), source=EAGER)
    assert "Too much is asked for from your address" in page[2]
    assert [curl(front.plain_url)[0] for _ in range(6)] == [200] * 6, "it is nobody else's limit"
    eventually(lambda: metric(front, counted) == before + 3, "each is counted")


def test_event_streams_are_connections_of_their_client(front):
    counted = 'bgctl_limited_total{limit="connections"}'
    before = metric(front, counted)
    App.over.clear()
    ask = b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as opened:
        for _ in range(2):
            at = ("127.0.0.1", front.ports.proxy)
            one = opened.enter_context(socket.create_connection(at, timeout=20, source_address=(LASTING, 0)))
            one.sendall(ask)
            assert b"200 OK" in one.recv(4096)
        assert curl(front.plain_url, source=LASTING)[0] == 429
        App.over.set()
    eventually(lambda: metric(front, counted) == before + 1, "it is counted")


# The access log


def lines(stack: Stack) -> list[str]:
    folder = (stack.directory / LOG).parent
    return [line for path in folder.iterdir() for line in path.read_text().splitlines()]


def test_a_large_access_log_is_put_aside_and_no_line_is_lost(front):
    path = "/counted-in-the-log"

    def ask(number: int) -> int:
        with requests.Session() as one:
            url = f"{front.plain_url}{path}?secret={number}"
            headers = {"User-Agent": 'odd "agent"', "Authorization": "Basic YWRhOnB3"}
            return sum(one.get(url, headers=headers, timeout=10).status_code == 200 for _ in range(25))

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(12)]
        for _ in range(3):
            front.bgctl("drain", "--auto")
        assert sum(each.result() for each in asked) == 300
    counted = [line for line in lines(front) if path in line]
    eventually(lambda: sum(path in line for line in lines(front)) == 300, "every request has its line")
    assert len(list((front.directory / LOG).parent.iterdir())) > 2, "it was put aside"
    assert all(LINE.fullmatch(line) for line in counted), "as goaccess and awstats read it"
    text = "\n".join(lines(front))
    assert "secret" not in text
    assert "ada" not in text, "nor who it was"


# The operator's own lines


def test_redirects_and_answers_of_the_operators_own(front):
    plain = front.plain_url
    assert curl(f"{plain}/blog/12")[0] == 301
    assert curl(f"{plain}/blog/12")[1]["location"].endswith("/posts/12")
    assert curl(f"{front.url}/shop")[1]["location"] == "https://127.0.0.1/"
    status, headers, body = curl(f"{plain}/gone/x")
    assert (status, body, headers["content-type"]) == (410, "It is gone.", "text/plain")
    assert headers["x-frame-options"] == "SAMEORIGIN", "it has the headers of every answer"
    assert curl(f"{plain}/blog/twelve")[0] == 200, "all else is the app's"


def test_passwords_for_some_paths(front):
    plain = front.plain_url
    status, headers, _ = curl(f"{plain}/staff/")
    assert (status, headers["www-authenticate"]) == (401, 'Basic realm="Staff only"')
    assert curl(f"{plain}/staff/", "--user", "ada:pw")[0] == 200
    assert curl(f"{plain}/staff/", "--user", "ada:other")[0] == 401
    for way in ("//staff/x", "/%73taff/x", "/gone/../staff/x", "/x/..%2fstaff/x", "/staff/hook/"):
        assert curl(f"{plain}{way}", "--path-as-is")[0] == 401, way
    assert curl(f"{plain}/staff/hook")[0] == curl(plain)[0] == 200


def test_passwords_for_all_paths_hold_for_large_bodies_and_while_the_gate_is_closed(front, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 300_000)
    post = ("--data-binary", f"@{body}")
    extra = front.directory / "nginx" / "extra.conf"
    extra.write_text(INCLUDE + OFFICE_HOURS)
    try:
        front.bgctl("reload")
        plain = front.plain_url
        assert curl(plain)[0] == curl(plain, *post)[0] == 401
        assert curl(plain, "--user", "ada:pw", *post)[0] == curl(plain, *post, source=OFFICE)[0] == 200
        assert curl(f"{plain}/api/deployment/version")[0] == 401
        assert curl(f"{plain}/_bgctl/preview")[0] == 403, "a preview's link has a key of its own"
        front.bgctl("maintenance", "on")
        try:
            assert curl(plain)[0] == 401, "who may not come is told nothing else"
            assert curl(plain, source=OFFICE)[0] == 503
        finally:
            front.bgctl("maintenance", "off")
        assert "password" not in "\n".join(lines(front))
    finally:
        extra.write_text(INCLUDE)
        front.bgctl("reload")
    assert curl(front.plain_url)[0] == 200


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rewrite ^/x/\\u0041 /y permanent;", r"nginx refuses it: pcre2?_compile\(\) failed"),
        ("proxy_pass http://127.0.0.1:1;", r"proxy_pass is routing, which is bgctl's"),
    ],
)
def test_a_line_that_is_refused_is_named_and_what_runs_goes_on(front, line, said):
    extra = front.directory / "nginx" / "extra.conf"
    extra.write_text(f"{INCLUDE}{line}\n")
    try:
        done = front.bgctl("reload", code=3)
        number = len(extra.read_text().splitlines())
        assert re.search(rf"nginx/extra\.conf:{number}: {said}", done.stderr), done.stderr
        assert "next: edit nginx/extra.conf" in done.stderr
        assert curl(f"{front.plain_url}/gone/x")[0] == 410
    finally:
        extra.write_text(INCLUDE)
