"""Several hosts behind one proxy: which certificate and app each gets, also by IPv6.

One project is the edge of another, which is on IPv6 throughout: its releases go through unnoticed.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
import requests
from websockets.sync.client import connect

from testbed import certificates
from testbed.load import LoadProcess
from testbed.ports import Ports
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running, started

SHOP = ("shop.test", "*.shop.test")


class Edge(Stack):
    """A project with hosts: its app is at localhost and those of SHOP, a neighbour at 127.0.0.1."""

    def create(self) -> Self:
        super().create()
        issue(self)
        return self

    @property
    def url(self) -> str:
        return f"https://localhost:{self.ports.tls}"


class Behind(Stack):
    """A project on IPv6 alone, that is reached through the edge."""

    edge: Edge

    def create(self) -> Self:
        super().create()
        for name in ("bgctl.toml", "compose.yaml"):
            path = self.directory / name
            path.write_text(re.sub(r'"127\.0\.0\.1:(?=[$\d])', '"[::1]:', path.read_text()))
        return self

    @property
    def url(self) -> str:
        return self.edge.plain_url

    @property
    def control_url(self) -> str:
        return f"http://[::1]:{self.ports.control}"

    @property
    def api_url(self) -> str:
        return f"http://[::1]:{self.ports.api}"


def issue(stack: Stack) -> None:
    """A certificate for the hosts of SHOP beside that of all others."""
    issued = stack.authority.issue_cert(*SHOP, not_after=datetime.now(UTC) + timedelta(days=90))
    issued.private_key_pem.write_to_path(stack.directory / "certs" / "shop-key.pem")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    (stack.directory / "certs" / "shop.pem").write_bytes(chain)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("hosts")
    one = started(folder / "behind", Behind, proxy_more={"trusted": ["::1"]})
    assert isinstance(one, Behind)
    try:
        with running(folder / "edge", Edge, **settings_of_edge(one)) as edge:
            assert isinstance(edge, Edge)
            one.edge = edge
            yield one
            one.assert_clean_log()
    finally:
        one.remove()


def settings_of_edge(neighbour: Stack) -> dict[str, Any]:
    ports = Ports.free()
    return {
        "ports": ports,
        "tls": True,
        "listen": [f"127.0.0.1:{ports.proxy}", f"[::1]:{ports.proxy}"],
        "proxy_more": {"unknown_hosts": "refuse", "balancer_path": "/lb", "access_log": "json"},
        "tls_more": {"listen": [f"127.0.0.1:{ports.tls}", f"[::1]:{ports.tls}"], "redirect": False},
        "frontend_more": {"hosts": ["localhost", *SHOP]},
        "tables_more": {
            "certificates.shop": {
                "hosts": SHOP,
                "certificate": "certs/shop.pem",
                "key": "certs/shop-key.pem",
            },
            "neighbours.behind": {"hosts": ["127.0.0.1"], "address": f"[::1]:{neighbour.ports.proxy}"},
        },
    }


@pytest.fixture(scope="module")
def edge(behind: Behind) -> Edge:
    return behind.edge


def curl(edge: Edge, host: str, path: str, *options: str, family: str = "127.0.0.1") -> str:
    """What is answered for `host` over TLS. Raises CalledProcessError where curl fails."""
    there = f"{host}:{edge.ports.tls}"
    known = ("--cacert", str(edge.ca), "--resolve", f"{there}:{family}")
    command = ["curl", "--silent", "--show-error", *known, *options, f"https://{there}{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def names_shown(edge: Edge, host: str) -> set[str]:
    """The names in the certificate that is shown to who says this host (SNI)."""
    context = ssl.create_default_context(cafile=edge.ca)
    plain = socket.create_connection(("127.0.0.1", edge.ports.tls), timeout=30)
    with context.wrap_socket(plain, server_hostname=host) as wrapped:
        found = wrapped.getpeercert()
    assert found
    return {str(pair[1]) for pair in found["subjectAltName"]}


def status(port: int, request: str) -> int:
    """Of the answer to a request as it stands, by plain HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        plain.sendall(request.replace("\n", "\r\n").encode())
        answer = plain.makefile("rb").readline()
    return int(answer.split()[1])


def test_each_host_is_shown_its_own_certificate(edge):
    assert names_shown(edge, "localhost") == set(certificates.NAMES)
    assert names_shown(edge, "shop.test") == names_shown(edge, "a.shop.test") == set(SHOP)
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        names_shown(edge, "elsewhere.test")


@pytest.mark.parametrize("family", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("host", ["localhost", "shop.test", "b.a.shop.test"])
def test_an_app_at_its_hosts_by_both_families(edge, host, family):
    options = ("--insecure",) if host.startswith("b.a.") else ()  # a certificate's wildcard is for one label
    assert json.loads(curl(edge, host, "/api/whoami", *options, family=family))["version"] == OLD
    said = curl(edge, host, "/api/deployment/version", *options, family=family)
    assert json.loads(said), "the session API's, at each host"
    told = ("--output", "/dev/null", "--write-out", "%{http_code}")
    assert curl(edge, host, "/_bgctl/activity", *options, *told, family=family) == "404"


def test_a_load_balancer_is_answered_at_each_host_but_the_neighbours(edge):
    assert curl(edge, "shop.test", "/lb") == curl(edge, "localhost", "/lb") == "ready\n"
    theirs = requests.get(f"http://127.0.0.1:{edge.ports.proxy}/lb", timeout=10)
    assert "X-Deployment-Version" in theirs.headers, "it was the neighbour's to answer"


@pytest.mark.threat(100)
@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ("GET /healthz HTTP/1.1\nHost: shop.test\n\n", 200),
        ("GET /healthz HTTP/1.1\nHost: SHOP.Test.:1234\n\n", 200),
        ("GET http://shop.test/healthz HTTP/1.1\nHost: shop.test\n\n", 200),
        ("GET http://shop.test/healthz HTTP/1.0\n\n", 200),
        ("GET http://shop.test/healthz HTTP/1.1\nHost: elsewhere.test\n\n", 400),
        ("GET http://shop.test/healthz HTTP/1.1\nHost: xshop.test\n\n", 400),
        ("GET http://elsewhere.test/healthz HTTP/1.1\nHost: shop.test\n\n", 421),
        ("GET /healthz HTTP/1.1\nHost: elsewhere.test\n\n", 421),
        ("GET /healthz HTTP/1.1\nHost: shop.test.elsewhere.test\n\n", 421),
        ("GET /_bgctl/preview HTTP/1.1\nHost: elsewhere.test\n\n", 421),
        ("GET /healthz HTTP/1.0\n\n", 421),
        ("GET /lb HTTP/1.0\n\n", 200),
        ("GET /lb HTTP/1.1\nHost: elsewhere.test\n\n", 200),
        ("GET /lb/ HTTP/1.1\nHost: elsewhere.test\n\n", 421),
        ("GET /healthz HTTP/1.1\n\n", 400),
        ("GET /healthz HTTP/1.1\nHost: shop.test\nHost: elsewhere.test\n\n", 400),
        ("GET /healthz HTTP/1.1\nHost: shop.test/x\n\n", 400),
    ],
)
def test_100_however_a_host_is_written_it_is_one_of_ours_or_refused(edge, request_, wanted):
    assert status(edge.ports.proxy, request_) == wanted


def test_an_unknown_host_on_a_connection_for_a_known_one_is_misdirected(edge):
    """RFC 9110, section 15.5.20: the client may ask again, on another connection."""
    told = ("--output", "/dev/null", "--write-out", "%{http_code}", "--header", "Host: elsewhere.test")
    for option in ("--http1.1", "--http2"):
        assert curl(edge, "shop.test", "/", option, *told) == "421"


def test_explain_knows_the_host(edge, behind):
    for host, said in (
        ("a.shop.test", r"for frontend at \*\.shop\.test"),
        ("127.0.0.1", "the proxy of behind"),
        ("elsewhere.test", "a 421"),
    ):
        told = edge.bgctl("explain", stdin=f"curl -H 'Host: {host}' https://localhost/").stdout
        assert re.search(said, told), told


def test_a_renewed_certificate_is_loaded_and_one_for_others_is_not(edge):
    issue(edge)
    assert "certificate of shop.test, *.shop.test" in edge.bgctl("reload").stdout
    assert edge.bgctl("reload").stdout == ""
    assert len(list((edge.directory / "proxy" / "tls").glob("*.pem"))) == 2
    paths = [edge.directory / "certs" / name for name in ("shop.pem", "shop-key.pem")]
    good = [path.read_bytes() for path in paths]
    try:
        for path, other in zip(paths, (certificates.CHAIN, certificates.KEY), strict=True):
            path.write_bytes((edge.directory / other).read_bytes())
        said = edge.bgctl("reload", code=3).stderr
        assert "certs/shop.pem is not for shop.test" in said
    finally:
        for path, data in zip(paths, good, strict=True):
            path.write_bytes(data)
    assert names_shown(edge, "shop.test") == set(SHOP)


def test_what_is_for_a_neighbour_goes_through_untouched(edge, behind):
    browser = behind.log_in("ada")
    assert {cookie.name for cookie in browser.cookies} == {"bg_session", "bg_pin"}, "none of the edge's"
    assert behind.version_of(browser) == OLD
    assert browser.get(f"{behind.url}/api/deployment/session", timeout=10).json()["userId"] == "ada"
    assert browser.get(f"{behind.url}/_bgctl/other", timeout=10).status_code == 404
    answer = browser.get(f"{behind.url}/", timeout=10)
    names = [name.lower() for name in answer.raw.headers]
    assert names.count("x-deployment-version") == names.count("x-frame-options") == 1
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    address = f"ws://127.0.0.1:{edge.ports.proxy}/ws"
    with connect(address, additional_headers={"Cookie": cookies}) as echo:
        assert json.loads(echo.recv(timeout=10))["version"] == OLD
        echo.send("hello")
        assert echo.recv(timeout=10) == "hello"
    behind.log_all_out()


def test_maintenance_of_the_edge_is_not_the_neighbours(edge, behind):
    edge.bgctl("maintenance", "on")
    try:
        assert requests.get(f"{behind.url}/healthz", timeout=10).status_code == 200
        told = ("--output", "/dev/null", "--write-out", "%{http_code}")
        assert curl(edge, "shop.test", "/", *told) == "503"
    finally:
        edge.bgctl("maintenance", "off")


def test_a_release_of_the_neighbour_is_unnoticed_through_the_edge(edge, behind):
    with LoadProcess(behind.url, served={OLD}, rate=100) as load:
        load.spawn("cookie", 10)
        load.spawn("anonymous", 5)
        load.spawn("websocket", 3)
        eventually(lambda: load.snapshot().websockets_opened >= 3, "the WebSockets are open")
        behind.bgctl("up-green", NEW)
        load.set_served({OLD, NEW})
        behind.bgctl("route", "enable-green")
        load.spawn("cookie", 10)
        eventually(lambda: load.snapshot().answers.get(NEW, 0) > 100, "new sessions are on the new version")
        load.set_served({OLD})
        behind.bgctl("rollback")
        load.settle()
        done = load.snapshot().requests
        eventually(lambda: load.snapshot().requests > done + 100, "the load goes on")
        tally = load.stop()
    assert tally.clean, tally
    assert tally.answers[NEW] > 100
