"""Who is routed where: the decision, as clients see it."""

from __future__ import annotations

import itertools
import json
import re
import socket
import time
from pathlib import Path

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.support.stacks import NEW, OLD, eventually, unlabelled

PS256 = jwt.get_algorithm_by_name("PS256")
CONTROL_ROUTES = ("/healthz", "/status", "/metrics")


@pytest.fixture
def old_session(release):
    """Somebody who logged in while blue was all there was, made by a moment of blue alone."""
    release.bgctl("route", "disable-green")
    browser = release.log_in("olga")
    release.start_of_release()
    return browser


def signer(release):
    """sign(claims, **header): a token as the session API would make it, with whatever claims.

    With the generation, too: by its second alone, a token would be as old as a switch in the same second.
    """
    ring = json.loads((release.directory / "keys/verify/keyring.json").read_text())
    kid = ring["sign"]
    key = (release.directory / f"keys/signing/{kid}.pem").read_text()

    def sign(alg="EdDSA", key=key, headers=None, **changes):
        now = int(time.time())
        good = {"userId": "eve", "sub": "eve", "sid": "E" * 22, "deploymentVersion": OLD, "iss": "bgctl"}
        generation = release.state()["generation"]
        claims = {**good, "deploymentGeneration": generation, "iat": now, "exp": now + 600, **changes}
        claims = {name: value for name, value in claims.items() if value is not ...}
        return jwt.encode(claims, key, alg, {"kid": kid, **(headers or {})})

    return sign


def test_a_session_stays_and_a_new_one_gets_the_new_version(release, old_session):
    assert release.version_of(old_session) == OLD
    newcomer = release.log_in("nina")
    assert [release.version_of(newcomer) for _ in range(5)] == [NEW] * 5
    assert [release.version_of(old_session) for _ in range(5)] == [OLD] * 5


def test_a_visitors_pin_holds_and_becomes_the_logins_version(release):
    """An open page on blue stays on blue, also through a log-in after the switch."""
    release.bgctl("route", "disable-green")
    visitor = release.visitor()
    assert release.version_of(visitor) == OLD
    release.start_of_release()
    assert release.version_of(visitor) == OLD
    visitor.post(f"{release.url}/login", data={"user": "vera", "email": "v@example.test"}, timeout=10)
    claims = jwt.decode(visitor.cookies["bg_session"], options={"verify_signature": False})
    assert claims["deploymentVersion"] == OLD
    assert release.version_of(visitor) == OLD


@pytest.mark.threat(22)
def test_22_a_link_from_another_site_flips_nobody(release, old_session):
    """The Strict cookie stays away on the first navigation; the Lax pin holds the version."""
    release.version_of(old_session)
    from_elsewhere = release.visitor()
    from_elsewhere.cookies.set("bg_pin", old_session.cookies["bg_pin"])
    answer = from_elsewhere.get(f"{release.url}/api/whoami", timeout=10)
    assert answer.json()["version"] == OLD
    assert "Set-Cookie" not in answer.headers, "nothing is minted anew"


@pytest.mark.threat(20)
def test_20_the_bearer_token_outranks_the_cookie(release, old_session):
    sign = signer(release)
    assert release.version_of(old_session, Authorization=f"Bearer {sign(deploymentVersion=NEW)}") == NEW
    assert release.version_of(old_session, Authorization="Bearer not-a-token") == OLD
    assert release.version_of(old_session, Authorization="Basic dTpw") == OLD
    two = f"bg_session={sign(deploymentVersion=NEW)}; bg_session={sign(deploymentVersion=OLD)}"
    answer = requests.get(f"{release.url}/api/whoami", headers={"Cookie": two}, timeout=10)
    assert answer.json()["version"] == NEW


@pytest.mark.threat(17)
def test_17_a_retired_version_is_a_new_visitor_and_is_pinned_anew(release):
    browser = release.visitor()
    token = signer(release)(deploymentVersion="1.0.0")
    assert release.version_of(browser, Authorization=f"Bearer {token}", Accept="text/html") == NEW
    assert "bg_pin" in browser.cookies


def test_a_third_partys_token_routes_by_its_version(release):
    token = signer(release)(userId=..., sid=..., deploymentGeneration=..., deploymentVersion=OLD)
    assert release.version_of(release.visitor(), Authorization=f"Bearer {token}") == OLD


def test_the_apps_own_tokens_route_and_count_once_their_secret_is_imported(release, tmp_path):
    """As a library makes them: neither kid nor iss, a number for the user, a fraction in the time."""
    secret = tmp_path / "JWT_SECRET"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    token = jwt.encode(
        {"userId": 4242, "deploymentVersion": OLD, "exp": time.time() + 600}, secret.read_text().strip()
    )
    headers = {"Authorization": f"Bearer {token}"}
    assert release.version_of(release.visitor(), **headers) == NEW
    release.bgctl("keys", "import", "--secret-file", str(secret), "--kid", "app")
    eventually(lambda: release.version_of(release.visitor(), **headers) == OLD, "the proxy has the key")
    said = requests.post(f"{release.url}/api/deployment/heartbeat", headers=headers, timeout=10)
    assert (said.status_code, said.json()["yourVersion"]) == (200, OLD)
    users = {each["userId"] for each in release.census(limit=1000, version=OLD)["users"]}
    assert "4242" in users
    release.bgctl("keys", "remove", "app")
    eventually(lambda: release.version_of(release.visitor(), **headers) == NEW, "the proxy has lost it")


BAD_TOKENS = {
    "none": lambda sign: sign(alg="none", key=None),
    "two segments": lambda sign: sign().rpartition(".")[0],
    "five segments": lambda sign: sign() + ".x.y",
    "no signature": lambda sign: sign().rpartition(".")[0] + ".",
    "another signature": lambda sign: sign()[:-8] + "AAAAAAAA",
    "expired": lambda sign: sign(exp=1_000_000_000),
    "no exp": lambda sign: sign(exp=...),
    "future": lambda sign: sign(nbf=2**33),
    "issuer": lambda sign: sign(iss="elsewhere"),
    "kid": lambda sign: sign(headers={"kid": "../../../../etc/passwd"}),
    "crit": lambda sign: sign(headers={"crit": ["exp"]}),
    "hmac": lambda sign: sign(alg="HS256", key="x" * 40),
    "no version": lambda sign: sign(deploymentVersion=...),
    "version null": lambda sign: sign(deploymentVersion=None),
    "version with CRLF": lambda sign: sign(deploymentVersion="1.6.7\r\nX-Evil: 1"),
    "too large": lambda sign: sign(padding="x" * 9000),
    "deep": lambda sign: sign(deep=json.loads("[" * 500 + "]" * 500)),
    "not base64": lambda sign: "%%%.%%%.%%%",
    "dots": lambda sign: "." * 500,
    "blank": lambda sign: "",
}


@pytest.mark.threat(63)
@pytest.mark.parametrize("what", BAD_TOKENS)
def test_63_a_bad_token_is_no_token(release, what):
    """Routed like any newcomer, never an error; as bearer, and as cookie with a pin (threats 1 to 18)."""
    token = BAD_TOKENS[what](signer(release))
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"bg_session={token}"}):
        answer = requests.get(f"{release.url}/api/whoami", headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["version"]) == (200, NEW)
        assert answer.headers.get("Set-Cookie", "").startswith("bg_pin=") is ("Cookie" in headers)


@pytest.mark.threat(63)
@pytest.mark.parametrize("cookie", ["bg_pin=", "bg_pin=x", "bg_pin=a.b.c", "=", ";;;", "bg_pin", "x" * 9000])
def test_63_a_bad_cookie_is_no_cookie(release, cookie):
    answer = requests.get(f"{release.url}/api/whoami", headers={"Cookie": cookie}, timeout=10)
    assert (answer.status_code, answer.json()["version"]) == (200, NEW)


def test_a_session_token_is_no_pin_and_a_pin_no_session(release, old_session):
    release.version_of(old_session)
    swapped = {
        "Cookie": f"bg_pin={old_session.cookies['bg_session']}; bg_session={old_session.cookies['bg_pin']}"
    }
    answer = requests.get(f"{release.url}/api/whoami", headers=swapped, timeout=10)
    assert answer.json()["version"] == NEW


def test_refusals_are_counted_by_reason(release):
    def refused():
        return counters(release).get(("bgctl_refused_tokens_total", "token", "issuer"), 0)

    fold(release)
    before = refused()
    token = signer(release)(iss="elsewhere", jti=str(time.monotonic_ns()))
    requests.get(f"{release.url}/", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    eventually(lambda: refused() == before + 1, "one more refusal is counted")


def fold(release):
    """Until every worker has added to the counters what it has seen up to now."""
    began = time.monotonic()
    status = release.proxy_status
    eventually(
        lambda: all(worker["stateAge"] < time.monotonic() - began for worker in status()["workers"]),
        "every worker has told what it has seen",
    )


def counters(release):
    text = requests.get(f"{release.control_url}/metrics", timeout=10).text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def raw(release, request, port=None):
    """The answer to a request as bytes, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port or release.ports.proxy), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.threat(21)
def test_21_what_a_client_says_about_itself_is_overwritten(release):
    """The log-in signs X-Deployment-Version and -Generation: a client's own must never get that far."""
    browser = release.visitor()
    forged = {"X-Deployment-Version": "9.9.9", "X-Deployment-Generation": "999999"}
    forged |= {"X-Deployment-Slot": "purple", "X-Forwarded-For": "8.8.8.8"}
    form = {"user": "mallory", "email": "m@example.test"}
    browser.post(f"{release.url}/login", data=form, headers=forged, timeout=10).raise_for_status()
    claims = jwt.decode(browser.cookies["bg_session"], options={"verify_signature": False})
    assert claims["deploymentVersion"] == NEW
    assert claims["deploymentGeneration"] == release.state()["generation"]
    assert browser.get(f"{release.url}/api/whoami", headers=forged, timeout=10).json()["slot"] == "green"


@pytest.mark.parametrize(
    "path", ["/_bgctl/activity", "/_bgctl/", "//_bgctl/x", "/%5fbgctl/x", "/x/../_bgctl/x"]
)
def test_the_back_door_is_closed(release, path):
    answer = raw(release, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.fixture
def routed_as_before(release):
    """With a bgctl.toml from when /api/auth/ was the session API's."""
    release.configure(api_more={"routes": ["/api/auth/", "/api/deployment/", "= /.well-known/jwks.json"]})
    release.bgctl("reload")
    yield release
    release.configure(api_more={})
    release.bgctl("reload")


def test_an_old_configuration_reaches_all_that_it_did(routed_as_before):
    stack, browser = routed_as_before, routed_as_before.visitor()
    key = (stack.directory / "keys" / "service" / "service.key").read_text().strip()
    answer = requests.post(
        f"{stack.url}/api/auth/token",
        json={"userId": "ada"},
        headers={"Authorization": f"Bearer {key}"},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["deploymentVersion"]) == (201, NEW)
    browser.cookies.update(answer.cookies)
    assert browser.get(f"{stack.url}/api/auth/session", timeout=10).json()["userId"] == "ada"
    assert stack.version_of(browser) == NEW
    assert browser.post(f"{stack.url}/api/auth/refresh", timeout=10).json()["deploymentVersion"] == NEW
    assert browser.post(f"{stack.url}/api/deployment/heartbeat", timeout=10).json()["yourVersion"] == NEW
    assert browser.post(f"{stack.url}/api/auth/logout", timeout=10).status_code == 204
    assert "bg_session" not in browser.cookies
    for path in ("/.well-known/jwks.json", "/api/deployment/jwks.json"):
        assert requests.get(f"{stack.url}{path}", timeout=10).json()["keys"], path
    for path in ("/internal/report", "/metrics", "/token", "/api/auth"):
        assert requests.get(f"{stack.url}{path}", timeout=10).status_code == 404, "the app's, which has none"
        assert stack.ask("explain", stdin=f"curl {stack.url}{path}")["service"] == "frontend"


def test_the_same_below_one_path_where_nothing_else_is_routed(release):
    browser = release.log_in("grace")
    assert browser.get(f"{release.url}/api/deployment/session", timeout=10).json()["userId"] == "grace"
    assert browser.post(f"{release.url}/api/deployment/refresh", timeout=10).status_code == 200
    assert requests.get(f"{release.url}/api/deployment/jwks.json", timeout=10).json()["keys"]
    said = release.ask("explain", stdin=f"curl {release.url}/api/deployment/session")
    assert said["service"] == "session-api"
    for path in ("/api/auth/session", "/.well-known/jwks.json", "/token"):
        answer = browser.get(f"{release.url}{path}", timeout=10)
        assert (answer.status_code, answer.headers["X-Deployment-Version"]) == (404, NEW), "the app's"
    assert browser.post(f"{release.url}/api/deployment/logout", timeout=10).status_code == 204
    assert "bg_session" not in browser.cookies


@pytest.mark.threat(49)
def test_49_the_admin_endpoint_wants_its_key(release):
    url = f"{release.url}/api/deployment/active-sessions"
    assert requests.get(url, timeout=10).status_code == 401
    assert requests.get(url, headers={"Authorization": "Bearer guess"}, timeout=10).status_code == 401


@pytest.mark.threat(49)
def test_49_the_control_listener_is_on_loopback_alone(release):
    """Asked of the kernel: the one socket that listens on the control port is 127.0.0.1's."""
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    port = f"{release.ports.control:04X}"
    assert {address for address in listening if address.endswith(f":{port}")} == {f"0100007F:{port}"}


def test_the_control_listener_is_read_only(release):
    for path in CONTROL_ROUTES:
        assert requests.get(release.control_url + path, timeout=10).status_code == 200
    assert requests.get(f"{release.control_url}/explain", timeout=10).status_code == 403
    release.expected.append(r'access forbidden by rule.*"GET /explain')
    for body in (b"", b"x", b"[]", b"{" * 100, b'{"cookie": 7, "authorization": null}'):
        assert requests.post(f"{release.control_url}/explain", data=body, timeout=10).status_code in (
            200,
            400,
        )


def test_explain_says_why(release):
    said = release.ask(
        "explain", stdin=f"Authorization: Bearer {signer(release)(deploymentVersion='1.0.0')}\n"
    )
    assert (said["slot"], said["version"], said["reason"]) == ("green", NEW, "retired")
    token = signer(release)()
    said = release.ask("explain", stdin=token)
    assert (said["slot"], said["version"], said["reason"]) == ("blue", OLD, "token")
    assert token not in release.bgctl("explain", stdin=token).stdout


def test_explain_says_what_routing_does(release):
    """Every combination of credentials that are absent, bad, retired, of blue or of green."""
    sign = signer(release)
    token = {
        "bad": "x.y.z",
        "gone": sign(deploymentVersion="1.0.0"),
        "old": sign(),
        "new": sign(deploymentVersion=NEW),
    }
    release.bgctl("route", "disable-green")
    blue = release.visitor()
    release.version_of(blue)
    release.start_of_release()
    green = release.visitor()
    release.version_of(green)
    pin = {"bad": "x", "old": blue.cookies["bg_pin"], "new": green.cookies["bg_pin"]}
    for bearer, cookie, pinned in itertools.product((None, *token), (None, *token), (None, *pin)):
        cookies = [f"bg_session={token[cookie]}"] if cookie else []
        cookies += [f"bg_pin={pin[pinned]}"] if pinned else []
        headers = {"Authorization": f"Bearer {token[bearer]}"} if bearer else {}
        headers |= {"Cookie": "; ".join(cookies)} if cookies else {}
        said = requests.post(
            f"{release.control_url}/explain",
            json={name.lower(): value for name, value in headers.items()},
            timeout=10,
        ).json()
        answer = requests.get(f"{release.url}/api/whoami", headers=headers, timeout=10)
        assert said["version"] == answer.json()["version"], (bearer, cookie, pinned, said)


def test_assets_exist_only_in_their_own_version(release, old_session):
    """A wrong route is a 404, as in a real single-page app."""
    page = old_session.get(f"{release.url}/", timeout=10).text
    assets = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
    assert assets
    newcomer = release.log_in("nico")
    for path in assets:
        assert old_session.get(release.url + path, timeout=10).status_code == 200
    hashed = [path for path in assets if newcomer.get(release.url + path, timeout=10).status_code == 404]
    assert hashed, "the other version has none of them by that name"


def test_canary_is_sticky_on_both_sides_and_shared_by_weight(release):
    release.bgctl("route", "canary", "50")
    visitors = [release.visitor() for _ in range(40)]
    first = [release.version_of(visitor) for visitor in visitors]
    assert set(first) == {OLD, NEW}, "40 fair coins all alike: once in 500 billion runs"
    assert [release.version_of(visitor) for visitor in visitors] == first
    release.bgctl("route", "canary", "90")
    assert [release.version_of(visitor) for visitor in visitors] == first, "raising the share moves nobody"
    release.start_of_release()


@pytest.mark.threat(23)
def test_23_what_is_not_http_never_reaches_two_parsers(release):
    """4xx, or exactly one request upstream."""
    attacks = [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    release.expected.append(r"client sent|client intended|invalid")
    for attack in attacks:
        answer = raw(release, attack)
        assert re.match(rb"HTTP/1\.1 4\d\d ", answer) or answer.count(b"HTTP/1.1 ") <= 1, (attack, answer)


def test_a_providers_token_routes_from_a_cookie_of_the_apps(release):
    """[jwks.NAME] and [tokens] cookies: in force without a restart, and gone with their lines."""
    keys = {name: rsa.generate_private_key(65537, 2048) for name in ("one", "two")}
    listed = release.directory / "idp.json"

    def give(*names: str) -> None:
        as_dict = {name: PS256.to_jwk(keys[name].public_key(), as_dict=True) for name in names}
        jwks = [
            {**as_dict[name], "kid": name, "alg": "PS256", "use": "sig", "key_ops": ["verify"]}
            for name in names
        ]
        listed.write_text(json.dumps({"keys": jwks}))
        release.bgctl("keys", "refresh")

    def version_by(name: str) -> str:
        now = int(time.time())
        claims = {"sub": "ada", "iss": "https://idp/", "aud": ["web", "shop"], "iat": now, "exp": now + 300}
        token = jwt.encode({**claims, "deploymentVersion": OLD}, keys[name], "PS256", {"kid": name})
        return str(release.version_of(release.visitor(), Cookie=f"token={token}"))

    path = release.directory / "bgctl.toml"
    before = path.read_text()
    table = '[jwks.idp]\nfile = "idp.json"\nissuer = "https://idp/"\naudience = "shop"\n'
    where = re.sub(r"(?m)^\[tokens\]$", '[tokens]\ncookies = ["token"]', before)
    where = where if where != before else f'{before}\n[tokens]\ncookies = ["token"]\n'
    path.write_text(f"{where}\n{table}")
    try:
        release.bgctl("reload")
        give("one")
        eventually(lambda: version_by("one") == OLD, "the proxy believes the provider")
        assert version_by("two") == NEW, "and nobody else"
        give("two")
        eventually(lambda: version_by("two") == OLD, "its next key is in force")
        assert version_by("one") == OLD, "and the one before goes on"
        exposed = requests.get(f"{release.control_url}/metrics", timeout=10).text
        assert 'bgctl_jwks_failed{provider="idp"} 0' in exposed
    finally:
        path.write_text(before)
        release.bgctl("reload")
        release.bgctl("keys", "refresh")
    eventually(lambda: version_by("two") == NEW, "a table that is gone takes its keys along")


def test_all_that_a_stack_makes_carries_the_label_of_its_run(release):
    """Blue, green, proxy, session API and both networks: that is how a run knows what it may remove."""
    assert len(release.containers()) == 4
    assert unlabelled(release) == set()
