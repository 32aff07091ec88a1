"""Who sends a request: bearer tokens, cookies, and pages of other sites."""

from typing import Any

import pytest

from tests.unit.session_api.support.api import Api, problem
from tests.unit.session_api.support.data import COOKIE, NOW, HandClock, claims
from tests.unit.session_api.support.forge import Forge


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
