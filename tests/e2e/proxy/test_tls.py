"""The edge: TLS and protocols, what every answer carries, limits, the access log, renewed certificates."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from websockets.asyncio.client import connect

from testbed import certificates
from testbed.load import LoadProcess
from tests.e2e.support import http2, http3
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

POLICY = "default-src 'self'"
OURS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Content-Security-Policy": POLICY,
    "Strict-Transport-Security": "max-age=31536000",
}
SCAN = ("--protocols", "--std", "--fs", "--headers")  # of testssl
CHALLENGE = "/.well-known/acme-challenge/"
LOST_SLOT = r"connect\(\) failed|no live upstreams|recv\(\) failed|prematurely closed|is down|is up"


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with TLS and all that goes with it; 127.0.0.2 is its load balancer."""
    limits = {"max_body": "32k", "client_timeout": "1s"}
    with running(
        tmp_path_factory.mktemp("edge") / "project",
        tls=True,
        proxy_more={"access_log": True, "trusted": ["127.0.0.2"], **limits},
        tls_more={"http3": True, "acme_webroot": "proxy/acme"},
        headers={"content-security-policy": POLICY},
    ) as one:
        one.expected.append(r"client intended to send too large body")
        yield one


def curl(stack: Stack, path: str, *options: str) -> str:
    command = ["curl", "--silent", "--show-error", "--cacert", str(stack.ca), *options, f"{stack.url}{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def raw_headers(stack: Stack, path: str, *options: str) -> list[tuple[str, str]]:
    """Every line, so that a header which is there twice shows."""
    told = curl(stack, path, "--http1.1", "--dump-header", "-", "--output", "/dev/null", *options)
    pairs = [line.partition(":") for line in told.splitlines() if ":" in line]
    return [(name.lower(), value.strip()) for name, _, value in pairs]


def output(stack: Stack) -> str:
    """All that the proxy has written, on both streams."""
    return stack.container("proxy").logs().decode()


def log_lines(stack: Stack, path: str) -> list[dict[str, object]]:
    lines = stack.container("proxy").logs(stderr=False).decode().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["path"] == path]


def logged(stack: Stack, path: str) -> dict[str, object]:
    eventually(lambda: log_lines(stack, path), f"{path} is in the access log")
    return log_lines(stack, path)[-1]


def connected(stack: Stack) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=stack.ca)
    plain = socket.create_connection(("127.0.0.1", stack.ports.tls), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost")


def serial(stack: Stack) -> int:
    """Of the certificate that a new connection is shown."""
    with connected(stack) as wrapped:
        found = wrapped.getpeercert()
    assert found
    return int(str(found["serialNumber"]), 16)


@pytest.mark.parametrize(("option", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_protocols_over_tcp(edge, option, version):
    told = curl(edge, "/healthz", option, "--output", "/dev/null", "--write-out", "%{http_version}")
    assert told == version


def test_http3_with_its_host_and_its_session(edge):
    """nginx gives HTTP/3 no Host header: the app must be told all the same, and a session must hold."""

    async def ask() -> tuple[http3.Answer, http3.Answer]:
        async with http3.connection(edge.ports.tls, edge.ca) as client:
            form = {"content-type": "application/x-www-form-urlencoded"}
            body = b"user=quinn&email=quinn@example.test"
            first = await client.ask("POST", "/login", edge.ports.tls, body, **form)
            cookies = {"cookie": first[1]["set-cookie"].partition(";")[0]}
            return first, await client.ask("GET", "/api/whoami?h3", edge.ports.tls, **cookies)

    first, second = asyncio.run(ask())
    assert first[0] == 303, first
    assert (second[0], second[1]["x-deployment-version"]) == (200, OLD)
    entry = logged(edge, "/api/whoami")
    assert (entry["protocol"], entry["host"]) == ("HTTP/3.0", f"localhost:{edge.ports.tls}")
    assert raw_headers(edge, "/")[-1] == ("alt-svc", f'h3=":{edge.ports.tls}"; ma=86400')


UPGRADE = {
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}


def open_requests(stack: Stack) -> tuple[int, int]:
    slots = stack.proxy_status()["slots"].values()
    return sum(slot["open"] for slot in slots), sum(slot["websockets"] for slot in slots)


@pytest.mark.threat(23)
def test_23_an_upgrade_is_http_1_1s_alone(edge):
    """Not passed on in HTTP/2 and HTTP/3 (RFC 9113, 8.2.2; RFC 9114, 4.2); no drain waits for it."""

    async def ask() -> int:
        async with http3.connection(edge.ports.tls, edge.ca) as client:
            return (await client.ask("GET", "/ws", edge.ports.tls, **UPGRADE))[0]

    with http2.Connection(edge.ports.tls, edge.ca) as client:
        client.ask("GET", "/ws", ends=True, **UPGRADE)
        assert client.status() == 400, "the app's word: no WebSocket"
        assert asyncio.run(ask()) == 400
        eventually(lambda: open_requests(edge) == (0, 0), "nothing counts as a WebSocket")


@pytest.mark.parametrize("address", ["/", "/login?next=/log", "/.well-known/other"])
def test_plain_http_says_where_the_site_is(edge, address):
    answer = requests.post(f"{edge.plain_url}{address}", allow_redirects=False, timeout=10)
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{edge.url}{address}"
    assert "Strict-Transport-Security" not in answer.headers


def test_a_challenge_is_served_by_plain_http(edge):
    """HTTP-01 (RFC 8555): what is in the webroot, as it stands, and nothing else."""
    folder = edge.directory / "proxy" / "acme" / CHALLENGE.strip("/")
    (folder / "token-1").write_text("token-1.thumbprint")
    answer = requests.get(f"{edge.plain_url}{CHALLENGE}token-1", allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.text) == (200, "token-1.thumbprint")
    for missing in ("token-2", "", "..%2f..%2f..%2fsettings.json", "../../../nginx.conf"):
        edge.expected.append(r"/acme-challenge/.* (failed|is forbidden) \(|directory index of")
        answer = requests.get(f"{edge.plain_url}{CHALLENGE}{missing}", allow_redirects=False, timeout=10)
        assert answer.status_code in (308, 400, 403, 404), missing


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/_bgctl/activity", "/api/deployment/session", "/api/events"]
)
def test_headers_are_there_once_whoever_answers(edge, path):
    found = raw_headers(edge, path, "--max-time", "2") if path != "/api/events" else stream_headers(edge)
    for name, value in OURS.items():
        assert [given for each, given in found if each == name.lower()] == [value], name


def stream_headers(edge: Stack) -> list[tuple[str, str]]:
    with edge.visitor().get(f"{edge.url}/api/events", stream=True, timeout=10) as answer:
        assert "Content-Encoding" not in answer.headers, "an event stream is never compressed"
        return [(name.lower(), value) for name, value in answer.raw.headers.items()]


def test_a_header_of_the_app_is_not_doubled(edge):
    found = raw_headers(edge, "/api/deployment/client.mjs")
    assert [value for name, value in found if name == "x-content-type-options"] == ["nosniff"]
    names = [name for name, _ in found]
    assert names.count("x-frame-options") == 1, "what it has not set, it gets"


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_text_is_compressed_for_who_takes_it(edge, coding):
    found = dict(raw_headers(edge, "/", "--header", f"Accept-Encoding: {coding}"))
    built_in = "brotli" in edge.container("proxy").exec_run("cat /opt/bgctl/modules.conf").output.decode()
    if coding == "gzip" or built_in:
        assert (found["content-encoding"], found["vary"]) == (coding, "Accept-Encoding")
    assert "content-encoding" not in dict(raw_headers(edge, "/"))


def web_socket(stack: Stack, browser: requests.Session) -> connect:
    """The echo, asked for with the browser's cookies.

    Not by websockets' threads: two of them in one TLS connection corrupt the memory of Python 3.11's ssl.
    """
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    context = ssl.create_default_context(cafile=stack.ca)
    address = f"wss://127.0.0.1:{stack.ports.tls}/ws"
    return connect(address, ssl=context, additional_headers={"Cookie": cookies})


def test_a_session_has_secure_cookies_and_a_websocket(edge):
    browser = edge.log_in("grace")
    assert {"__Host-bg_session", "__Host-bg_pin"} <= {cookie.name for cookie in browser.cookies}
    assert all(cookie.secure for cookie in browser.cookies)

    async def talk() -> None:
        async with web_socket(edge, browser) as echo:
            assert json.loads(await echo.recv())["version"] == OLD
            await echo.send("hello")
            assert await echo.recv() == "hello"

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_a_body_that_is_too_large_is_refused(edge):
    answer = edge.visitor().post(f"{edge.url}/api/notes", data=b"x" * 40_000, timeout=10)
    assert answer.status_code == 413
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.threat(86)
@pytest.mark.parametrize("option", ["--http1.1", "--http2"])
def test_86_cookies_have_the_same_room_in_both_protocols(edge, option):
    told = ["--output", "/dev/null", "--write-out", "%{http_code}"]
    cookies = ["--header", f"Cookie: a={'x' * 30_000}"]
    assert curl(edge, "/api/deployment/version", option, *cookies, *told) == "200"


@pytest.mark.threat(24)
@pytest.mark.parametrize(
    "begin",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow",
        b"POST /api/notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
    ],
    ids=["header", "body"],
)
def test_24_a_slow_client_is_cut_and_nobody_else_waits(edge, begin):
    with connected(edge) as slow:
        slow.sendall(begin)
        assert requests.get(f"{edge.control_url}/healthz", timeout=10).status_code == 200
        assert edge.version_of(edge.visitor()) == OLD
        slow.settimeout(20)
        answer = slow.recv(1000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer


def test_a_client_behind_a_load_balancer_is_known_by_its_own_address(edge):
    told = ("--header", "X-Forwarded-For: 198.51.100.1, 203.0.113.9")
    curl(edge, "/api/whoami?trusted", *told, "--interface", "127.0.0.2")
    assert logged(edge, "/api/whoami")["client"] == "203.0.113.9"
    curl(edge, "/api/log", *told)
    assert logged(edge, "/api/log")["client"] == "127.0.0.1", "nobody else is believed"


def test_a_line_of_the_access_log(edge):
    browser = edge.log_in("edsger")
    headers = {"Referer": "https://me:pw@example.test/from?code=hidden-4", "User-Agent": 'odd "agent"'}
    browser.get(f"{edge.url}/log?token=hidden-1", headers=headers, timeout=10)
    entry = logged(edge, "/log")
    wanted = {
        "method": "GET",
        "status": 200,
        "protocol": "HTTP/1.1",
        "tls": "TLSv1.3",
        "version": OLD,
        "slot": "blue",
        "reason": "token",
    }
    assert {key: entry[key] for key in wanted} == wanted
    assert entry["referer"] == "https://example.test/from"
    assert entry["agent"] == 'odd "agent"'
    assert len(str(entry["session"])) == 16
    assert len(str(entry["id"])) == 32
    assert isinstance(entry["seconds"], float)
    browser.cookies.set("__Host-bg_session", None)
    browser.get(f"{edge.url}/assets/none", timeout=10)
    other = logged(edge, "/assets/none")
    assert (other["reason"], other["session"]) == ("pin", entry["session"]), "one session, whatever shows it"


def test_no_secret_is_in_any_log_not_even_when_a_slot_fails(edge):
    edge.expected += [LOST_SLOT]
    browser = edge.log_in("mallory")
    bearer = "eyJhbGciOiJIUzI1NiJ9.bearer-secret.x"
    blue = edge.container("frontend-blue")
    try:
        browser.get(f"{edge.url}/log?token=hidden-2", timeout=10)
        blue.kill()
        answer = browser.get(f"{edge.url}/", headers={"Authorization": f"Bearer {bearer}"}, timeout=10)
        assert answer.status_code == 503
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    finally:
        edge.start_again("blue")
    eventually(lambda: browser.get(f"{edge.url}/", timeout=10).status_code == 200, "blue is back")
    said = output(edge)
    keys = edge.directory / "keys"
    secrets = [cookie.value for cookie in browser.cookies]
    secrets += [path.read_text().strip() for path in keys.glob("*.key")]
    for secret in [*secrets, bearer, "bearer-secret", "hidden-"]:
        assert secret
        assert secret not in said


def test_long_lines_stay_whole(edge):
    """Two workers write to one pipe: what is longer than it takes at once could be torn."""
    path = f"/{'p' * 4000}"
    referers = (f"https://example.test/{'r' * 4000}", f"{'s' * 4000}://example.test/")

    def ask() -> None:
        browser = edge.visitor()
        for referer in referers * 10:
            headers = {"User-Agent": '"' * 4000, "Referer": referer}
            browser.request("M" * 3000, f"{edge.url}{path}", headers=headers, timeout=10)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    eventually(lambda: len(log_lines(edge, path[:700])) == 80, "80 lines, each of them JSON")


def test_a_renewed_certificate_is_loaded_under_load(edge):
    """Without a failed request; and where nothing has changed, nothing is done or said."""
    with LoadProcess(edge.url, served={OLD}, rate=150, ca=edge.ca) as load:
        load.spawn("cookie", 10)
        load.spawn("anonymous", 5)
        load.spawn("websocket", 5)
        eventually(lambda: load.snapshot().websockets_opened >= 5, "the WebSockets are open")
        for _ in range(3):
            before = serial(edge)
            certificates.renew(edge.directory, edge.authority)
            assert "took the new configuration, certificate of 127.0.0.1" in edge.bgctl("reload").stdout
            assert serial(edge) != before
        done = load.snapshot().requests
        eventually(lambda: load.snapshot().requests > done + 100, "the load goes on")
        tally = load.stop()
    assert tally.clean, tally
    assert edge.bgctl("reload").stdout == ""
    assert len(list((edge.directory / "proxy" / "tls").glob("*.pem"))) == 1


def test_a_key_is_nobody_elses(edge):
    (pem,) = (edge.directory / "proxy" / "tls").glob("*.pem")
    assert (pem.stat().st_mode & 0o777, pem.parent.stat().st_mode & 0o777) == (0o640, 0o750)


def test_a_bad_certificate_changes_nothing(edge):
    before, files = serial(edge), proxy_files(edge)
    chain, key = edge.directory / certificates.CHAIN, edge.directory / certificates.KEY
    good = chain.read_bytes(), key.read_bytes()
    try:
        certificates.renew(edge.directory, edge.authority)
        key.write_bytes(good[1])
        said = edge.bgctl("reload", code=3).stderr
        assert "fullchain.pem" in said
        assert "do not belong together" in said
        certificates.renew(edge.directory, edge.authority, days=-1)
        assert "expired" in edge.bgctl("reload", code=3).stderr
        assert "expired" in edge.bgctl("doctor", code=1).stdout
    finally:
        chain.write_bytes(good[0])
        key.write_bytes(good[1])
    assert (serial(edge), proxy_files(edge)) == (before, files)
    assert edge.bgctl("reload").stdout == ""


def test_a_configuration_that_nginx_refuses_changes_nothing(edge):
    """What bgctl can know it refuses itself: so it is what nginx writes to that is in its way."""
    path, proxy = edge.directory / "bgctl.toml", edge.container("proxy")
    good, files = path.read_text(), proxy_files(edge)
    try:
        path.write_text(good.replace('routes = ["/"]', 'routes = ["/", "/more/"]'))
        assert proxy.exec_run("sh -c 'mv /tmp/nginx.pid /tmp/kept && mkdir /tmp/nginx.pid'").exit_code == 0
        said = edge.bgctl("reload", code=3).stderr
        assert "the proxy refuses the new configuration" in said
        assert "Is a directory" in said
    finally:
        path.write_text(good)
        proxy.exec_run("sh -c 'rmdir /tmp/nginx.pid && mv /tmp/kept /tmp/nginx.pid'")
    assert proxy_files(edge) == files
    assert edge.version_of(edge.visitor()) == OLD


def proxy_files(stack: Stack) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (stack.directory / "proxy").rglob("*") if path.is_file()}


def test_an_http3_connection_is_cut_by_a_reload_and_a_new_one_serves(edge):
    """Its packets reach new workers, which do not know it; the old ones say good-bye within seconds."""

    async def ask() -> int:
        async with http3.connection(edge.ports.tls, edge.ca) as client:
            answer = await asyncio.wait_for(client.ask("GET", "/healthz", edge.ports.tls), 20)
            return answer[0]

    async def cut() -> None:
        async with http3.connection(edge.ports.tls, edge.ca) as client:
            assert (await client.ask("GET", "/healthz", edge.ports.tls))[0] == 200
            certificates.renew(edge.directory, edge.authority)
            edge.bgctl("reload")
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(client.ask("GET", "/healthz", edge.ports.tls), 25)

    def serves() -> bool:
        with suppress(ConnectionError):
            return asyncio.run(ask()) == 200
        return False

    asyncio.run(cut())
    eventually(serves, "a new connection serves")


def test_http3_is_served_while_an_old_worker_keeps_a_websocket(edge):
    """Old and new workers have the sockets of QUIC in common: packets that an old one read would be lost."""
    browser = edge.log_in("radia")

    async def ask() -> int:
        async with http3.connection(edge.ports.tls, edge.ca) as client:
            return (await client.ask("GET", "/healthz", edge.ports.tls))[0]

    async def talk() -> None:
        async with AsyncExitStack() as opened:
            echoes = [await opened.enter_async_context(web_socket(edge, browser)) for _ in range(8)]
            certificates.renew(edge.directory, edge.authority)
            edge.bgctl("reload")
            assert any(worker["exiting"] for worker in edge.proxy_status()["workers"])
            for _ in range(20):
                assert await asyncio.wait_for(ask(), 5) == 200
            for echo in echoes:
                assert json.loads(await echo.recv())["version"] == OLD
                await echo.send("still here")
                assert await echo.recv() == "still here"

    asyncio.run(asyncio.wait_for(talk(), 120))


@pytest.mark.parametrize(
    "checks", [SCAN, pytest.param((*SCAN, "--vulnerable"), marks=pytest.mark.faults)], ids=["short", "long"]
)
def test_a_scan_finds_no_weak_protocol_and_no_weak_cipher(edge, tmp_path, checks):
    edge.expected.append(r"SSL_do_handshake\(\) failed")
    scanner = shutil.which("testssl") or shutil.which("testssl.sh")
    assert scanner, "setup/testtools installs it"
    result = tmp_path / "scan.json"
    address = urlsplit(edge.url).netloc
    command = [scanner, "--quiet", "--warnings", "off", "--color", "0", *checks, "--jsonfile", str(result)]
    subprocess.run([*command, address], capture_output=True, cwd=tmp_path, timeout=240)
    found = {entry["id"]: entry for entry in json.loads(result.read_text())}
    protocols = ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3")
    offered = [name for name in protocols if not found[name]["finding"].startswith("not offered")]
    assert offered == ["TLS1_2", "TLS1_3"]
    # BREACH: docs/tls.md says what to do about it.
    weak = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    bad = {name: entry["finding"] for name, entry in found.items() if entry["severity"] in weak}
    assert bad.keys() <= {"BREACH"}, bad
    assert found["PFS" if "PFS" in found else "FS"]["severity"] == "OK"


def test_a_release_goes_through_tls_unnoticed(edge):
    with LoadProcess(edge.url, served={OLD}, rate=100, ca=edge.ca) as load:
        load.spawn("cookie", 10)
        load.spawn("websocket", 5)
        eventually(lambda: load.snapshot().websockets_opened >= 5, "the WebSockets are open")
        edge.bgctl("up-green", NEW)
        load.set_served({OLD, NEW})
        edge.bgctl("route", "enable-green")
        load.set_served({OLD})
        edge.bgctl("rollback")
        tally = load.stop()
    assert tally.clean, tally


def test_without_a_redirect_both_are_served(tmp_path):
    """The folder of an old project: no certificate yet, then TLS beside plain HTTP, by a reload alone."""
    with running(tmp_path / "project", tls_more={"acme_webroot": "proxy/acme"}) as plain:
        assert requests.get(f"{plain.plain_url}{CHALLENGE}x", timeout=10).status_code == 404
        plain.expected.append("acme-challenge/x")
        plain.authority = certificates.make(plain.directory)
        plain.configure(tls=True, tls_more={"redirect": False, "hsts": "1d"})
        assert plain.bgctl("reload", "--dry-run").stdout.startswith("proxy: would")
        plain.bgctl("reload")
        secure = plain.visitor().get(f"{plain.url}/", timeout=10)
        assert secure.headers["Strict-Transport-Security"] == "max-age=86400"
        assert "Strict-Transport-Security" not in requests.get(f"{plain.plain_url}/", timeout=10).headers


def test_a_certificate_that_is_a_link_into_an_archive(edge):
    """As certbot has it: only the copy is mounted."""
    chain = edge.directory / certificates.CHAIN
    archive = edge.directory / "archive"
    archive.mkdir()
    certificates.renew(edge.directory, edge.authority)
    chain.rename(archive / "fullchain2.pem")
    chain.symlink_to(Path("..") / "archive" / "fullchain2.pem")
    before = serial(edge)
    edge.bgctl("reload")
    assert serial(edge) != before
