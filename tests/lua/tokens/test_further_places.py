"""[tokens] headers and cookies: both programs find a token where the app has it, in one order."""

from __future__ import annotations

import jwt
import pytest

from tests.lua.support.luajit import plain
from tests.lua.support.projects import SECRET
from tests.unit.session_api.support.data import NOW

PLACES = {"headers": ("x-auth-token", "x-jwt"), "cookies": ("token", "__Secure-app.session-token")}
PATHS = {"session": "/api/deployment/session", "heartbeat": "/api/deployment/heartbeat"}


def token(user: str, version: str = "1.6.7", **more: object) -> str:
    claims = {"userId": user, "deploymentVersion": version, "iat": NOW, "exp": NOW + 600, **more}
    return jwt.encode(claims, SECRET)


class Here:
    """What both programs say of a request with these headers."""

    def __init__(self, project) -> None:
        self.project = project

    def proxy(self, headers: dict[str, str]) -> str:
        asked = self.project.proxy.asked({"headers": headers, "path": "/", "method": "GET"})
        decision = self.project.proxy.router[b"route"](asked, int(self.project.clock()), True)
        return plain(decision[b"identity"][b"user"]) if plain(decision[b"reason"]) == "token" else "nobody"

    def api(self, headers: dict[str, str]) -> str:
        cookie = headers.get("cookie", "").replace("bg_session=", "__Host-bg_session=")
        sent = headers | ({"cookie": cookie} if cookie else {})
        shown = self.project.api.client.simulate_get(PATHS["session"], headers=sent).json
        return str(shown.get("userId", "nobody"))

    def both(self, headers: dict[str, str]) -> str:
        assert self.proxy(headers) == self.api(headers), headers
        return self.proxy(headers)

    def rows(self, headers: dict[str, str]) -> dict[str, dict[str, str]]:
        asked = self.project.proxy.asked({"headers": headers, "path": "/", "method": "GET"})
        said = plain(self.project.proxy.explain[b"of"](asked, int(self.project.clock())))
        return {row["rule"]: row for row in said["rules"].values()}


@pytest.fixture
def here(project):
    return Here(project(**PLACES))


def test_without_the_setting_nothing_is_looked_for(project):
    here = Here(project())
    assert here.both({"x-auth-token": token("a"), "cookie": f"token={token('b')}"}) == "nobody"


@pytest.mark.threat(20)
def test_20_the_order_is_one_for_both_programs(here):
    own = f"bg_session={token('own')}"
    every = {
        "authorization": f"Bearer {token('bearer')}",
        "x-auth-token": token("first-header"),
        "x-jwt": token("second-header"),
        "cookie": f"{own}; __Secure-app.session-token={token('second')}; token={token('first-cookie')}",
    }
    assert here.both(every) == "bearer"
    del every["authorization"]
    assert here.both(every) == "own"
    every["cookie"] = every["cookie"].removeprefix(own)
    assert here.both(every) == "first-header"
    every["x-auth-token"] = f"bearer  {token('with-a-scheme')}"
    assert here.both(every) == "with-a-scheme"
    del every["x-auth-token"]
    assert here.both(every) == "second-header"
    del every["x-jwt"]
    assert here.both(every) == "first-cookie"
    assert here.both({"cookie": f"token=; __Secure-app.session-token={token('b')}"}) == "b"


@pytest.mark.parametrize("other", ["", "opaque", "s%3Aabc.def", "a.b", "a.b.c.d", '"quoted"', "{}"])
def test_what_is_no_token_is_the_apps_own_and_no_error(here, other):
    headers = {"x-auth-token": other, "cookie": f"token={other}; __Secure-app.session-token={token('ada')}"}
    before = plain(here.project.proxy.memory())
    assert here.both(headers) == "ada"
    refused = [name for name in set(here.project.proxy.memory()) - set(before) if "refused" in name]
    assert not refused, "nothing is counted as a forgery"


@pytest.mark.threat(20)
@pytest.mark.parametrize("bad", ["e30.e30.x", "EXPIRED", "FORGED"])
def test_20_a_token_that_is_not_good_gives_way_to_the_next(here, bad):
    bad = {
        "EXPIRED": token("old", iat=NOW - 700, exp=NOW - 600),
        "FORGED": jwt.encode({"userId": "x"}, "somebody else's secret, of 40 bytes or so"),
    }.get(bad, bad)
    headers = {"x-auth-token": bad, "cookie": f"bg_session={bad}; token={token('ada')}"}
    assert here.both(headers) == "ada"
    assert here.both(headers | {"cookie": f"token={bad}"}) == "nobody"


def test_explain_names_the_place(here):
    rows = here.rows({"x-jwt": token("a"), "cookie": f"token={token('b')}"})
    assert (rows["bearer"]["outcome"], rows["bearer"]["why"]) == (
        "used",
        "x-jwt: says 1.6.7, which blue serves",
    )
    assert (rows["cookie"]["outcome"], rows["cookie"]["why"]) == (
        "outranked",
        "token: says 1.6.7, which blue serves",
    )
    rows = here.rows({"cookie": "token=e30.e30.x"})
    assert (rows["cookie"]["outcome"], rows["cookie"]["reason"]) == ("rejected", "malformed")
    assert rows["cookie"]["why"].startswith("token: not three segments")
    assert here.rows({"cookie": "token=opaque"})["cookie"]["outcome"] == "absent"
    assert here.rows({"cookie": f"bg_session={token('a')}"})["cookie"]["why"].startswith("says")


@pytest.mark.threat(72)
def test_a_token_in_a_cookie_has_a_pin_beside_it_and_one_in_a_header_has_none(here):
    for headers, has_pin in (({"cookie": f"token={token('a')}"}, True), ({"x-jwt": token("a")}, False)):
        page = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        asked = here.project.proxy.asked({"headers": headers | page, "path": "/", "method": "GET"})
        decision = here.project.proxy.router[b"route"](asked, NOW, True)
        assert (decision[b"cookie"] is not None) is has_pin


def test_a_page_elsewhere_cannot_use_the_apps_cookie(here):
    """A heartbeat by cookie is refused where another site's page sends it, whichever cookie it is."""
    cookie = {"Cookie": f"token={token('ada')}"}
    post = here.project.api.client.simulate_post
    assert post(PATHS["heartbeat"], headers=cookie).status_code == 200
    assert post(PATHS["heartbeat"], headers={**cookie, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    header = {"X-JWT": token("ada"), "Sec-Fetch-Site": "cross-site"}
    assert post(PATHS["heartbeat"], headers=header).status_code == 200, "no page elsewhere can set a header"


def test_a_log_out_by_the_apps_cookie_ends_its_session(here):
    cookie = {"Cookie": f"token={token('ada')}"}
    post = here.project.api.client.simulate_post
    done = post("/api/deployment/logout", headers=cookie)
    assert done.status_code == 204
    assert "token=" not in done.headers.get("set-cookie", ""), "the app's own cookie is the app's"
    here.project.clock.now += 1
    assert post(PATHS["heartbeat"], headers=cookie).status_code in (401, 409)
