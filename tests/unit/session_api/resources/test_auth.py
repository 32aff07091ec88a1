"""Sessions over HTTP: log-in, refresh, log-out, and what is no request for them."""

import re
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.session_api.support.api import Api, problem, rfc3339
from tests.unit.session_api.support.data import COOKIE, NOW, HandClock, write_state


def test_token(api: Api) -> None:
    result = api.log_in("u1", "1.6.7", email="a@b.c")
    assert result.status_code == 201
    assert result.headers["cache-control"] == "no-store"
    token, sid = result.json["token"], result.json["sid"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", sid)
    assert result.json == {
        "token": token,
        "sid": sid,
        "userId": "u1",
        "deploymentVersion": "1.6.7",
        "expiresAt": rfc3339(NOW + 604800),
    }
    attributes = "HttpOnly; Max-Age=604800; Path=/; SameSite=Strict; Secure"
    assert result.headers["set-cookie"] == f"{COOKIE}={token}; {attributes}"


def test_token_claims(api: Api, tokens: Any, keys: Path) -> None:
    token = api.token("u1", "1.6.7", email="a@b.c")
    header, body = (msgspec.json.decode(urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert header.keys() == {"alg", "kid", "typ"}
    assert body == {
        "iss": "bgctl",
        "userId": "u1",
        "sub": "u1",
        "deploymentVersion": "1.6.7",
        "deploymentGeneration": 17,
        "sid": body["sid"],
        "iat": NOW,
        "exp": NOW + 604800,
        "email": "a@b.c",
    }
    assert tokens.verify(token).sid == body["sid"]


@pytest.mark.parametrize(
    ("blue", "green", "version"),
    [
        (("1.6.7", "ready", 100), (None, "maint", 0), "1.6.7"),
        (("1.6.7", "drain", 0), ("1.6.8", "ready", 100), "1.6.8"),
        (("1.6.7", "ready", 90), ("1.6.8", "ready", 10), "1.6.7"),
        (("1.6.7", "ready", 40), ("1.6.8", "ready", 60), "1.6.8"),
        (("1.6.7", "ready", 50), ("1.6.8", "ready", 50), "1.6.7"),
        (("1.6.7", "maint", 0), ("1.6.8", "ready", 0), "1.6.8"),
    ],
)
def test_the_version_that_new_sessions_get(
    api: Api, state_file: Path, blue: Any, green: Any, version: str
) -> None:
    write_state(state_file, blue, green)
    assert api.log_in().json["deploymentVersion"] == version
    assert api.get("/api/deployment/version").json == {"currentVersion": version}


@pytest.mark.threat(14)
@pytest.mark.parametrize("version", ["", "-1", "v" * 65, "1.6.7;", "1 6", "\u00b2"])
def test_14_a_version_header_that_is_none(api: Api, version: str) -> None:
    assert problem(api.log_in(version=version), 400) == "X-Deployment-Version is not a version."


@pytest.mark.parametrize("user", ["u" * 128, "\u00fc\u4e2d\U0001f600", " "])
def test_user_ids_that_are_fine(api: Api, user: str) -> None:
    assert api.get("/api/deployment/session", api.token(user)).json["userId"] == user


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "u1",
        None,
        {"userId": ""},
        {"userId": "u" * 129},
        {"userId": 1},
        {"userId": None},
        {"userId": "a\nb"},
        {"userId": "a\u0000"},
        {"userId": "a\u202eb"},
        {"userId": "u1", "email": 1},
        {"userId": "u1", "email": "e" * 255},
        {"userId": "u1", "email": ""},
        {"userId": "u1", "email": "a\r\nb"},
        {"userId": "u1", "e-mail": "a@b.c"},
    ],
    ids=repr,
)
def test_bodies_that_make_no_sense(api: Api, body: Any) -> None:
    headers = {"Authorization": f"Bearer {api.service_key}"}
    problem(api.client.simulate_post("/token", json=body, headers=headers), 400)


@pytest.mark.parametrize("body", ["", "{", '{"userId": "u1"', "\x00", "[" * 8000, '{"userId": "u1"}{}'])
def test_bodies_that_are_not_json(api: Api, body: str) -> None:
    headers = {"Authorization": f"Bearer {api.service_key}", "Content-Type": "application/json"}
    problem(api.client.simulate_post("/token", body=body, headers=headers), 400)


def test_bodies_of_another_type(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.service_key}", "Content-Type": "text/plain"}
    problem(api.client.simulate_post("/token", body='{"userId": "u1"}', headers=headers), 415)


@pytest.mark.parametrize(
    "path", ["/token", "/api/deployment/refresh", "/api/deployment/heartbeat", "/nowhere"]
)
def test_bodies_that_are_too_large(api: Api, path: str) -> None:
    problem(api.client.simulate_post(path, body="x" * (16 * 1024 + 1)), 413)
    problem(api.client.simulate_post(path, headers={"Transfer-Encoding": "chunked"}), 411)


@pytest.mark.threat(49)
@pytest.mark.parametrize(
    "wrong", [None, "Bearer", "Bearer ", "Basic {}", "Bearer {}x", "{}", "Bearer \u00e9", "Bearer {} {}"]
)
def test_49_keys(api: Api, wrong: str | None) -> None:
    for method, path, key in (
        ("POST", "/token", api.service_key),
        ("GET", "/api/deployment/active-sessions", api.admin_key),
        ("POST", "/_bgctl/activity", api.proxy_key),
        ("GET", "/_bgctl/clients", api.proxy_key),
    ):
        headers = {"Authorization": wrong.format(key, key)} if wrong else None
        problem(api.client.simulate_request(method, path, headers=headers), 401)


@pytest.mark.threat(49)
def test_49_a_key_opens_its_own_door_alone(api: Api) -> None:
    token = api.token()
    for key in (api.service_key, api.proxy_key, token):
        problem(api.get("/api/deployment/active-sessions", key), 401)
    for key in (api.admin_key, api.proxy_key, token):
        problem(api.post("/token", key), 401)
    for key in (api.admin_key, api.service_key, token):
        problem(api.post("/_bgctl/activity", key), 401)
        problem(api.get("/_bgctl/clients", key), 401)
    said = problem(api.get("/api/deployment/session", api.admin_key), 401)
    assert said == "The token is refused: malformed."


def test_session(api: Api, clock: HandClock) -> None:
    issued = api.log_in("u1", "1.6.7", email="a@b.c").json
    clock.now += 10
    api.post("/api/deployment/heartbeat", issued["token"])
    clock.now += 10
    result = api.get("/api/deployment/session", issued["token"])
    assert result.json == {
        "userId": "u1",
        "email": "a@b.c",
        "sid": issued["sid"],
        "deploymentVersion": "1.6.7",
        "issuedAt": rfc3339(NOW),
        "expiresAt": rfc3339(NOW + 604800),
        "lastActivity": rfc3339(NOW + 10),
    }


@pytest.mark.threat(17)
@pytest.mark.parametrize(
    ("routed", "goes_on_with"), [("1.6.7", "1.6.7"), ("1.6.8", "1.6.8"), ("9.9.9", "1.6.8"), ("\n", "1.6.8")]
)
def test_17_a_moved_session_goes_on_with_the_version_it_was_moved_to(
    api: Api, routed: str, goes_on_with: str
) -> None:
    """Its own was retired: refresh and heartbeat count it where the proxy sends it, and sign that."""
    token = api.token("u1", "1.5.0")
    header = {"X-Deployment-Version": routed}
    assert api.post("/api/deployment/heartbeat", token, **header).json["yourVersion"] == goes_on_with
    assert api.census().json["versions"][goes_on_with]["sessions"] == 1
    assert api.post("/api/deployment/refresh", token, **header).json["deploymentVersion"] == goes_on_with
    assert "1.5.0" not in api.census().json["versions"]


def test_refresh_keeps_session_and_version(api: Api, clock: HandClock) -> None:
    first = api.log_in("u1", "1.6.7", email="a@b.c").json
    clock.now += 86400
    result = api.post("/api/deployment/refresh", first["token"])
    assert result.status_code == 200
    assert result.headers["set-cookie"].startswith(
        f"{COOKIE}={result.json['token']}; HttpOnly; Max-Age=604800"
    )
    assert result.json["token"] != first["token"]
    assert result.json == first | {
        "token": result.json["token"],
        "expiresAt": rfc3339(NOW + 86400 + 604800),
    }
    clock.now = NOW + 604800 + 3600  # past the first token's life, within the second's
    said = problem(api.get("/api/deployment/session", first["token"]), 401)
    assert said == "The token is refused: expired."
    shown = api.get("/api/deployment/session", result.json["token"]).json
    assert (shown["issuedAt"], shown["email"]) == (rfc3339(NOW + 86400), "a@b.c")


@pytest.mark.threat(56)
def test_56_double_logout(api: Api) -> None:
    token, other = api.token("u1"), api.token("u1")
    for _ in range(2):
        result = api.post("/api/deployment/logout", token)
        assert (result.status_code, result.text) == (204, "")
        cleared = (
            f'{COOKIE}=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Path=/; SameSite=Strict; Secure'
        )
        assert result.headers["set-cookie"] == cleared
    assert api.census().json["versions"]["1.6.8"]["sessions"] == 1
    assert api.get("/api/deployment/session", other).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/deployment/refresh"),
        ("GET", "/api/deployment/session"),
        ("POST", "/api/deployment/heartbeat"),
    ],
)
def test_an_ended_session(api: Api, method: str, path: str) -> None:
    token = api.token()
    api.post("/api/deployment/logout", token)
    result = api.client.simulate_request(method, path, headers={"Authorization": f"Bearer {token}"})
    assert problem(result, 401) == "This session has ended."
    assert 'error="invalid_token"' in result.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/deployment/refresh"),
        ("GET", "/api/deployment/session"),
        ("POST", "/api/deployment/heartbeat"),
    ],
)
def test_idle_is_not_over(make_api: Any, new_store: Any, clock: HandClock, method: str, path: str) -> None:
    api = make_api(store=new_store(idle_timeout=1800), idle_timeout=1800)
    token = api.token()
    clock.now += 1799
    assert api.census().json["totalActiveUsers"] == 1
    clock.now += 1
    assert api.census().json["totalActiveUsers"] == 0
    headers = {"Authorization": f"Bearer {token}"}
    assert api.client.simulate_request(method, path, headers=headers).status_code == 200
    assert api.census().json["totalActiveUsers"] == 1


def test_a_version_that_is_not_served_is_not_signed(api: Api, state_file: Path) -> None:
    result = api.log_in(version="1.5.0")
    assert (result.status_code, result.json["deploymentVersion"]) == (201, "1.6.8")
    assert result.json["note"].startswith("No slot serves 1.5.0: this token says 1.6.8")
    assert "note" not in api.log_in(version="1.6.7").json
    assert set(api.census().json["versions"]) == {"1.6.7", "1.6.8"}
