"""Every endpoint, as a client sees it."""

import re
import sqlite3
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import falcon.inspect
import msgspec
import pytest
from api_support import COOKIE, NOW, Api, Forge, HandClock, claims, write_state
from falcon import testing

from session_api import ids, openapi
from session_api.stores.sqlite import SqliteStore


def rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def problem(result: testing.Result, status: int) -> str:
    """The detail of a problem document, whose form is checked."""
    assert result.status_code == status, result.text
    assert result.headers["content-type"] == "application/problem+json"
    assert set(result.json) == {"type", "title", "status", "detail"}
    assert (result.json["type"], result.json["status"]) == ("about:blank", status)
    if status == 401:
        assert result.headers["www-authenticate"].startswith('Bearer realm="bgctl"')
    return result.json["detail"]


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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/deployment/refresh"),
        ("POST", "/api/deployment/logout"),
        ("GET", "/api/deployment/session"),
        ("POST", "/api/deployment/heartbeat"),
    ],
)
def test_nobody(api: Api, method: str, path: str) -> None:
    assert problem(api.client.simulate_request(method, path), 401).startswith("This needs a user's token")


def test_a_token_that_names_nobody_is_nobodys_session(api: Api, forge: Forge) -> None:
    token = forge.token({}, {"exp": NOW + 60, "iss": "bgctl", "deploymentVersion": "1.6.7", "sid": "s"})
    assert problem(api.get("/api/deployment/session", token), 401) == "The token is refused: claims."


def test_a_third_partys_session_counts_once_it_is_seen(api: Api, forge: Forge) -> None:
    least = {"exp": NOW + 604800, "iss": "bgctl", "deploymentVersion": "1.6.7", "sub": "them"}
    token = forge.token({}, least)
    assert api.post("/api/deployment/heartbeat", token).json["updateAvailable"] is True
    assert api.census().json["versions"]["1.6.7"]["users"] == 1
    assert api.get("/api/deployment/session", token).json["expiresAt"] == rfc3339(NOW + 604800)


@pytest.mark.parametrize("exp", [NOW + 604861, NOW + 10**9])
def test_a_third_partys_token_that_lasts_for_too_long_is_refused(api: Api, forge: Forge, exp: int) -> None:
    token = forge.token({}, claims(exp=exp))
    assert api.post("/api/deployment/heartbeat", token).status_code == 401
    assert 'bgctl_api_tokens_rejected_total{reason="too_long"} 1.0' in api.get("/metrics").text


@pytest.mark.threat(20)
def test_20_precedence(api: Api) -> None:
    one, two, three = (api.token(user) for user in ("u1", "u2", "u3"))

    def who(authorization: str | None, *cookies: str) -> str:
        headers = {"Cookie": "; ".join(cookies)} | ({"Authorization": authorization} if authorization else {})
        shown = api.client.simulate_get("/api/deployment/session", headers=headers).json
        return shown.get("userId", "nobody")

    assert who(f"Bearer {one}", f"{COOKIE}={two}") == "u1"
    assert who(f"bearer  {one}", f"{COOKIE}={two}") == "u1"
    # A bad bearer token is not made good by a cookie, which may be somebody else's.
    for bad in ("Bearer no.such.token", "bearer garbage", "Bearer", "Bearer ", f"Bearer {one}x"):
        assert who(bad, f"{COOKIE}={two}") == "nobody"
    assert who("Basic eDp5", f"{COOKIE}={two}") == "u2"
    assert who(None, f"{COOKIE}={two}", f"{COOKIE}={three}") == "u2"
    assert who(None, "a=b", f"  {COOKIE}={two}", "c") == "u2"
    # The first cookie counts, even when it is not good; names are exact; quotes are part of a value.
    assert who(None, f"{COOKIE}=bad", f"{COOKIE}={two}") == "nobody"
    assert who(None, f"{COOKIE.lower()}={two}", f"x{COOKIE}={two}", f"bg_session={two}") == "nobody"
    assert who(None, f'{COOKIE}="{two}"') == "nobody"
    assert who(None, f"{COOKIE}={two} ", "c") == "nobody"


OTHER_SITES = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://falconframework.org"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Origin": "http://falconframework.org", "X-Forwarded-Host": "shop.example"},
]
OWN_PAGES: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://shop.example"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://Shop.example:8443", "X-Forwarded-Host": "shop.example:8443"},
    {"Origin": "http://falconframework.org"},
]
POSTS = ["/api/deployment/refresh", "/api/deployment/heartbeat", "/api/deployment/logout"]


@pytest.mark.parametrize("path", POSTS)
def test_what_another_sites_page_sends_with_a_cookie_is_refused(api: Api, path: str) -> None:
    token = api.token()
    cookie = {"Cookie": f"{COOKIE}={token}"}
    for page in OTHER_SITES:
        refused = api.client.simulate_post(path, headers=cookie | page)
        assert "this site alone" in problem(refused, 403) and "set-cookie" not in refused.headers
        read = api.client.simulate_get("/api/deployment/session", headers=cookie | page)
        assert read.status_code == 200  # it changes nothing, and the browser shows that page no answer
    for page in OWN_PAGES:
        assert api.client.simulate_post(path, headers=cookie | page).status_code in (200, 204, 401)


@pytest.mark.parametrize("path", POSTS)
def test_who_sends_a_bearer_token_is_not_asked_from_where(api: Api, path: str) -> None:
    for page in OTHER_SITES:
        assert api.post(path, api.token(), **page).status_code in (200, 204)


CLEARED = f'{COOKIE}=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Path=/; SameSite=Strict; Secure'


@pytest.mark.parametrize("path", ["/api/deployment/refresh", "/api/deployment/logout"])
def test_a_cookie_whose_token_is_dead_is_cleared(api: Api, forge: Forge, clock: HandClock, path: str) -> None:
    ended, expired = api.token(), api.token()
    api.post("/api/deployment/logout", ended)
    clock.now += 604800 + 61
    for token in (expired, "garbage", forge.token({"kid": "unknown"}, claims())):
        result = api.client.simulate_post(path, headers={"Cookie": f"{COOKIE}={token}"})
        problem(result, 401)
        assert result.headers["set-cookie"] == CLEARED
    clock.now = NOW
    result = api.client.simulate_post(path, headers={"Cookie": f"{COOKIE}={ended}"})
    assert result.headers["set-cookie"] == CLEARED


def test_a_cookie_that_may_be_good_yet_is_kept(api: Api, forge: Forge, clock: HandClock) -> None:
    token = api.token()
    soon = forge.token({}, claims(iat=NOW + 120, exp=NOW + 900))
    for cookie, authorization in ((soon, None), (token, "Bearer garbage")):
        headers = {"Cookie": f"{COOKIE}={cookie}"} | (
            {"Authorization": authorization} if authorization else {}
        )
        result = api.client.simulate_post("/api/deployment/refresh", headers=headers)
        problem(result, 401)
        assert "set-cookie" not in result.headers


def test_a_version_that_is_not_served_is_not_signed(api: Api, state_file: Path) -> None:
    result = api.log_in(version="1.5.0")
    assert (result.status_code, result.json["deploymentVersion"]) == (201, "1.6.8")
    assert result.json["note"].startswith("No slot serves 1.5.0: this token says 1.6.8")
    assert "note" not in api.log_in(version="1.6.7").json
    assert set(api.census().json["versions"]) == {"1.6.7", "1.6.8"}


def third_party(forge: Forge, **changes: Any) -> str:
    """A token of somebody else's, which has a `sub` and no `sid`."""
    least = {"exp": NOW + 90_000, "iat": NOW, "iss": "bgctl", "deploymentVersion": "1.6.7", "sub": "them"}
    return forge.token({}, least | changes)


@pytest.mark.threat(77)
@pytest.mark.parametrize("sub", ["x" * 200, "ж" * 79, "a\nb", "them@example.org"])
def test_77_a_third_partys_user_is_one_session_under_one_name(api: Api, forge: Forge, sub: str) -> None:
    """What the proxy reports of it (tests/lua: the same names) is the row that is here."""
    token = third_party(forge, sub=sub)
    assert api.post("/api/deployment/heartbeat", token).status_code == 200
    user = ids.user(sub)
    api.report([ids.session(f"iat:{NOW}", user), user, "1.6.7", NOW, NOW + 90_000, NOW])
    assert api.census().json["versions"]["1.6.7"]["sessions"] == 1
    shown = api.get("/api/deployment/session", token).json
    assert (shown["userId"], shown["sid"]) == (sub, f"iat:{NOW}")  # it is called as its token calls it
    fresh = api.post("/api/deployment/refresh", token).json
    assert (fresh["userId"], fresh["sid"]) == (sub, f"iat:{NOW}")
    api.post("/api/deployment/heartbeat", fresh["token"])
    assert api.census().json["versions"]["1.6.7"]["sessions"] == 1


@pytest.mark.threat(77)
def test_77_a_long_name_of_a_log_in_is_counted_while_the_proxy_reports_it(
    make_api: Any, new_store: Any, clock: HandClock
) -> None:
    api = make_api(store=new_store(idle_timeout=1800), idle_timeout=1800)
    made = api.log_in("ж" * 79, "1.6.7").json
    clock.now += 1700
    api.report([made["sid"], ids.user("ж" * 79), "1.6.7", clock(), NOW + 604800, NOW])
    clock.now += 1700
    assert api.census().json["versions"]["1.6.7"]["sessions"] == 1


@pytest.mark.threat(78)
def test_78_after_a_log_out_a_new_token_counts_again(api: Api, forge: Forge, clock: HandClock) -> None:
    old = third_party(forge)
    api.post("/api/deployment/heartbeat", old)
    assert api.post("/api/deployment/logout", old).status_code == 204
    assert problem(api.post("/api/deployment/refresh", old), 401) == "This session has ended."
    clock.now += 10
    new = third_party(forge, iat=NOW + 5)
    assert api.post("/api/deployment/heartbeat", new).status_code == 200
    assert api.census().json["versions"]["1.6.7"]["sessions"] == 1
    assert api.post("/api/deployment/refresh", new).status_code == 200
    assert problem(api.post("/api/deployment/refresh", old), 401) == "This session has ended."


@pytest.mark.threat(78)
def test_78_tokens_without_iat(api: Api, forge: Forge, clock: HandClock) -> None:
    def token(exp: int) -> str:
        body = {"exp": exp, "iss": "bgctl", "deploymentVersion": "1.6.7", "sub": "them"}
        return forge.token({}, body)

    old, new = token(NOW + 3600), token(NOW + 3700)
    api.post("/api/deployment/heartbeat", old)
    api.post("/api/deployment/logout", old)
    assert problem(api.post("/api/deployment/refresh", old), 401) == "This session has ended."
    clock.now += 100
    assert api.post("/api/deployment/refresh", new).status_code == 200
    assert problem(api.post("/api/deployment/refresh", old), 401) == "This session has ended."


@pytest.mark.threat(79)
def test_79_two_users_of_one_sid_are_two_sessions(api: Api, forge: Forge) -> None:
    one, other = (third_party(forge, sid="web", sub=sub) for sub in ("one", "other"))
    for token in (one, other):
        assert api.post("/api/deployment/heartbeat", token).status_code == 200
    assert api.census().json["versions"]["1.6.7"]["sessions"] == 2
    api.post("/api/deployment/logout", one)
    assert api.post("/api/deployment/refresh", other).status_code == 200
    assert problem(api.post("/api/deployment/refresh", one), 401) == "This session has ended."


@pytest.mark.threat(79)
def test_79_two_proxies_of_one_name_make_the_counts_unknown(api: Api, clock: HandClock) -> None:
    assert api.census().json["unknown"] is None
    for instance in ("a", "b", "a", "b"):
        api.report(instance=instance)
    assert "two proxies report as web1:8080" in api.ask().json["unknown"]
    clock.now += 11
    api.report(instance="b")
    assert api.ask().json["unknown"] is None


def test_without_tls_the_cookie_has_another_name(make_api: Any) -> None:
    api = make_api(secure_cookies=False)
    result = api.log_in()
    attributes = "HttpOnly; Max-Age=604800; Path=/; SameSite=Strict"
    assert result.headers["set-cookie"] == f"bg_session={result.json['token']}; {attributes}"
    headers = {"Cookie": f"bg_session={result.json['token']}"}
    assert api.client.simulate_get("/api/deployment/session", headers=headers).status_code == 200


def test_two_projects_of_one_host_name_have_cookies_of_their_own(make_api: Any) -> None:
    api = make_api(cookie_stem="shop")
    result = api.log_in()
    assert result.headers["set-cookie"].startswith("__Host-shop_session=")
    for name, status in (("__Host-shop_session", 200), (COOKIE, 401)):
        headers = {"Cookie": f"{name}={result.json['token']}"}
        assert api.client.simulate_get("/api/deployment/session", headers=headers).status_code == status
    module = api.client.simulate_get("/api/deployment/client.mjs").text
    assert 'const STEM = "shop";' in module and "bg_" not in module
    schemes = api.get("/openapi.json").json["components"]["securitySchemes"]
    assert schemes["sessionCookie"]["name"] == "__Host-shop_session"
    assert schemes["adminCookie"]["name"] == "__Host-shop_admin"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    path, body = "/api/deployment/dashboard/login", f"key={api.admin_key}"
    admin = api.client.simulate_post(path, body=body, headers=form)
    assert admin.headers["set-cookie"].startswith("__Host-shop_admin=")


def test_heartbeat(api: Api, state_file: Path) -> None:
    token = api.token(version="1.6.7")
    told = {"yourVersion": "1.6.7", "currentVersion": "1.6.8", "updateAvailable": True}
    assert api.post("/api/deployment/heartbeat", token).json == told
    write_state(state_file, ("1.6.7", "ready", 100), ("1.6.8", "maint", 0))
    assert api.post("/api/deployment/heartbeat", token).json == told | {
        "currentVersion": "1.6.7",
        "updateAvailable": False,
    }


def test_a_canary_asks_nobody_to_move(api: Api, state_file: Path) -> None:
    write_state(state_file, ("1.6.7", "ready", 90), ("1.6.8", "ready", 10))
    for version in ("1.6.7", "1.6.8"):
        beat = api.post("/api/deployment/heartbeat", api.token(version=version)).json
        assert (beat["yourVersion"], beat["updateAvailable"]) == (version, False)


def test_a_visitors_page_hears_whether_it_is_old(api: Api, state_file: Path) -> None:
    def is_old(version: str) -> bool:
        headers = {"X-Deployment-Version": version}
        answer = api.client.simulate_get("/api/deployment/version", headers=headers).json
        assert answer["currentVersion"] == "1.6.8"
        return bool(answer["updateAvailable"])

    assert [is_old("1.6.7"), is_old("1.6.8"), is_old("1.5.0")] == [True, False, True]
    write_state(state_file, ("1.6.7", "ready", 10), ("1.6.8", "ready", 90))
    assert [is_old("1.6.7"), is_old("1.6.8")] == [False, False]


def on_version(sessions: int, latest: int | None, anonymous: int = 0) -> dict[str, Any]:
    return {
        "sessions": sessions,
        "users": sessions,
        "anonymous": anonymous,
        "websockets": None,
        "lastActivity": None if latest is None else rfc3339(latest),
    }


def test_active_sessions(api: Api, clock: HandClock, state_file: Path) -> None:
    api.log_in("u1", "1.6.7", email="a@b.c")
    clock.now += 5
    api.log_in("u1", "1.6.8", email="a@b.c")
    write_state(state_file, ("1.6.6", "drain", 0), ("1.6.7", "ready", 100))
    api.log_in("u2", "1.6.6")
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))
    assert api.census().json == {
        "totalActiveUsers": 2,
        "oldVersionSessions": 2,
        "currentVersion": "1.6.8",
        "users": [{"userId": "u1", "email": "a@b.c", "lastActivity": rfc3339(NOW)}],
        "nextPage": None,
        "unknown": None,
        "unknownVisitors": None,
        "versions": {
            "1.6.6": on_version(1, NOW + 5),
            "1.6.7": on_version(1, NOW),
            "1.6.8": on_version(1, NOW + 5),
        },
        "forecast": {"earliest": None, "likely": None, "latest": rfc3339(NOW + 604800)},
    }
    other = {"userId": "u2", "email": None, "lastActivity": rfc3339(NOW + 5)}
    assert api.ask(version="1.6.6").json["users"] == [other]


def test_a_version_in_service_without_sessions_is_a_known_0(api: Api) -> None:
    empty = on_version(0, None)
    assert api.census().json["versions"] == {"1.6.7": empty, "1.6.8": empty}


@pytest.mark.threat(53)
def test_53_a_busy_store(make_api: Any, tmp_path: Path, clock: HandClock) -> None:
    store = SqliteStore(tmp_path / "sessions.db", clock=clock, busy_timeout=0.01)
    api = make_api(store=store)
    api.log_in()
    other = sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for result in (api.log_in(), api.ask(), api.report()):
        assert problem(result, 503) == "The session store is busy."
        assert result.headers["retry-after"] == "1"
    other.execute("ROLLBACK")
    other.close()
    assert api.log_in().status_code == 201
    store.close()


@pytest.mark.threat(54)
def test_54_a_corrupt_store(make_api: Any, sqlite_store: SqliteStore, tmp_path: Path) -> None:
    api = make_api(store=sqlite_store)
    token = api.token(version="1.6.7")
    path = tmp_path / "sessions.db"
    path.write_bytes(b"\xa5" * path.stat().st_size)
    for result in (api.ask(), api.log_in(), api.post("/api/deployment/heartbeat", token), api.report()):
        assert problem(result, 503) == "The session store does not answer: sessions are unknown."
        assert result.headers["retry-after"] == "5"
    assert problem(api.get("/readyz"), 503) == "Not ready: store."
    assert api.get("/healthz").json == {"status": "ok"}
    metrics = api.get("/metrics").text
    assert "bgctl_api_store_up 0.0" in metrics
    assert "bgctl_api_sessions{" not in metrics
    assert "bgctl_api_counts_known 0.0" in metrics
    assert "bgctl_api_store_errors_total 4.0" in metrics
    path.unlink()
    assert api.post("/api/deployment/heartbeat", token).status_code == 200
    assert api.census().json["versions"]["1.6.7"]["sessions"] == 1


@pytest.mark.threat(55)
def test_55_the_stores_clock_decides(make_api: Any, new_store: Any) -> None:
    behind, ahead = HandClock(NOW), HandClock(NOW + 50)
    api = make_api(store=new_store(clock=ahead), clock=behind)
    assert api.log_in().json["expiresAt"] == rfc3339(NOW + 50 + 604800)


@pytest.mark.threat(41)
def test_41_the_state_file_is_torn(api: Api, state_file: Path) -> None:
    token = api.token()
    good = state_file.read_text()
    torn = [good[:50], "", "[]", good.replace('"schema": 2', '"schema": 3')]
    torn += [good.replace('"ready"', '"drain"'), good.replace('"1.6.8"', "null"), good.replace("100", "101")]
    for text in torn:
        state_file.write_text(text)
        assert api.post("/api/deployment/heartbeat", token).json["currentVersion"] == "1.6.8"
        assert problem(api.get("/readyz"), 503) == "Not ready: state."
    state_file.unlink()
    assert api.log_in().json["deploymentVersion"] == "1.6.8"
    state_file.write_text(good)
    assert api.get("/readyz").json == {"status": "ok"}


@pytest.mark.threat(41)
def test_41_no_state_file_yet(make_api: Any, state_file: Path) -> None:
    good = state_file.read_text()
    state_file.unlink()
    api = make_api()
    for result in (api.log_in(), api.census(), api.get("/api/deployment/version")):
        assert problem(result, 503) == "The current version is unknown: state or keys cannot be read."
    assert api.log_in(version="1.6.7").status_code == 201
    assert problem(api.get("/readyz"), 503) == "Not ready: state."
    state_file.write_text(good)
    assert api.get("/readyz").status_code == 200


def test_keys_that_turned_bad(api: Api, keys: Path) -> None:
    (keys / "verify" / "keyring.json").write_text("{")
    assert problem(api.get("/readyz"), 503) == "Not ready: keys."
    assert api.log_in().status_code == 201


def test_key_set(api: Api) -> None:
    result = api.get("/api/deployment/jwks.json")
    assert result.headers["cache-control"] == "public, max-age=300"
    assert {key["alg"] for key in result.json["keys"]} == {"EdDSA", "ES256", "RS256"}


def test_metrics(api: Api, forge: Forge) -> None:
    api.log_in("u1", "1.6.7")
    api.get("/api/deployment/session", forge.token({}, claims(iss="other")))
    api.client.simulate_get("/nowhere/u1@x.y")
    api.post("/api/deployment/refresh", api.token("u2", "1.6.7"))
    metrics = api.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    lines = metrics.text.splitlines()
    assert 'bgctl_api_sessions{version="1.6.7"} 2.0' in lines
    assert 'bgctl_api_tokens_issued_total{by="login"} 2.0' in lines
    assert 'bgctl_api_tokens_issued_total{by="refresh"} 1.0' in lines
    assert 'bgctl_api_tokens_rejected_total{reason="issuer"} 1.0' in lines
    assert 'bgctl_api_requests_total{method="POST",route="/token",status="201"} 2.0' in lines
    assert 'bgctl_api_requests_total{method="GET",route="none",status="404"} 1.0' in lines
    assert "bgctl_api_store_up 1.0" in lines
    assert "nowhere" not in metrics.text


def test_falcons_own_errors_are_problems_too(api: Api) -> None:
    problem(api.get("/nowhere"), 404)
    problem(api.get("/token"), 405)


def test_a_fault_of_ours_tells_clients_nothing(
    make_api: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(store, "census", fail)
    assert problem(make_api().census(), 500) == "This is a fault in the session API."


def test_openapi_lists_every_route(api: Api) -> None:
    served = {
        (route.path, method.method.lower())
        for route in falcon.inspect.inspect_routes(api.client.app)
        for method in route.methods
        if not method.internal
    }
    described = api.get("/openapi.json").json
    assert described["openapi"] == "3.1.0"
    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == served


def test_openapi_refers_to_schemas_that_exist() -> None:
    text = msgspec.json.encode(openapi.document()).decode()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named == set(openapi.document()["components"]["schemas"])
    assert openapi.document()["components"]["schemas"]["TokenRequest"]["additionalProperties"] is False
