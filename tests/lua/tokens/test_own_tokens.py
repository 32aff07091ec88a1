"""Tokens as libraries make them: the proxy routes by them, the session API counts them by the same name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from session_api.keys import app_keys, keyring, listing, signing_keys
from session_api.sessions import names
from tests.lua.support.both import Both, jws
from tests.lua.support.luajit import plain
from tests.unit.session_api.support.data import NOW

CASES = json.loads((Path(__file__).parents[2] / "cases" / "tokens" / "claims.json").read_text())
SECRET = CASES["secret"].encode()
WORDS = {
    "79 times U+0416": "\u0416" * 79,
    "200 characters, with commas and equals signs": "CN=Olga Petrova,OU=Sales,DC=shop,DC=example,".ljust(
        200, "x"
    ),
}


def value(said: object, now: int) -> object:
    """What a claim of a case stands for: NOW in it is the time of the test."""
    if not isinstance(said, str) or (said not in WORDS and "NOW" not in said):
        return said
    if said in WORDS:
        return WORDS[said]
    if said.startswith("text of "):
        return str(value(said.removeprefix("text of "), now))
    return eval(said, {"NOW": now})  # arithmetic from our own file of cases


@pytest.mark.parametrize("imported", ["to sign with", "to believe"])
@pytest.mark.parametrize("case", CASES["cases"], ids=[case["name"] for case in CASES["cases"]])
def test_a_case_has_its_verdict_in_both_programs(project, case, imported):
    here = project(imported, **case.get("config", {}))
    claims: dict[str, Any] = {name: value(said, NOW) for name, said in case["claims"].items()}
    token = jws(SECRET, case["header"], claims)
    version, rule, who = here.route(token)
    if case["verdict"].startswith("refused: "):
        reason = case["verdict"].removeprefix("refused: ")
        assert (version, rule) == ("1.6.8", "credential"), "a bearer token of somebody else's"
        row = here.explain(token)
        assert (row["outcome"], row["reason"]) == ("rejected", reason)
        assert "exp" in row["why"], "it names the cause"
        assert here.beat(token) == f"The token is refused: {reason}."
        return
    assert (version, rule) == ("1.6.7", "token")
    assert here.route("", Cookie=f"bg_session={token}")[:2] == ("1.6.7", "token")
    assert here.explain(token)["outcome"] == "used"
    assert here.beat(token) == "used"
    here.report(who)
    assert here.counted() == 1, "one session, by one name"
    if claims["exp"] > NOW + 1700:
        here.clock.now += 1700
        here.report(here.route(token)[2])
        here.clock.now += 1700
        assert here.counted() == 1, "for as long as it makes requests"


@pytest.mark.threat(16)
@pytest.mark.parametrize("at", [0, 59, 59.9, 60, 60.9, 61, 61.5, 3600])
def test_16_to_its_last_second_a_token_is_as_good_in_both_programs(project, at):
    """With the leeway: what the proxy holds, the session API counts, and for just as long."""
    here = project()
    token = jwt.encode({"userId": 42, "deploymentVersion": "1.6.7", "exp": NOW}, SECRET)
    here.clock.now = NOW + at
    version, _, who = here.route(token)
    good = at < 61
    assert version == ("1.6.7" if good else "1.6.8")
    assert here.beat(token) == ("used" if good else "The token is refused: expired.")
    if good:
        here.report(who)
        assert here.counted() == 1


def test_as_pyjwt_makes_it(project):
    here = project()
    token = jwt.encode({"userId": 42, "deploymentVersion": "1.6.7", "iat": NOW, "exp": NOW + 600}, SECRET)
    assert here.route(token)[:2] == ("1.6.7", "token")
    shown = here.api.get("/api/deployment/session", token).json
    assert (shown["userId"], shown["sid"], shown["deploymentVersion"]) == ("42", f"iat:{NOW}", "1.6.7")


@pytest.mark.parametrize("imported", ["to sign with", "to believe"])
def test_our_own_tokens_are_ours_beside_the_apps(project, imported):
    here = project(imported, version_claim="app.version")
    ours = here.api.token("u1", "1.6.7")
    assert here.route(ours)[:2] == ("1.6.7", "token"), "ours keep deploymentVersion"
    assert here.api.post("/api/deployment/refresh", ours).status_code == 200


def test_an_app_cannot_renew_itself_into_a_token_of_ours(project):
    """Whoever guesses its secret gets none that other programs may believe, as they believe ours."""
    here = project()
    claims = {"userId": "admin", "sid": "A" * 22, "deploymentVersion": "1.6.7", "iat": NOW, "exp": NOW + 600}
    for issuer in ({}, {"iss": "bgctl"}, {"iss": "shop"}):
        token = jwt.encode({**claims, **issuer}, SECRET)
        assert here.beat(token) == "used"
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"__Host-bg_session={token}"}):
            answer = here.api.client.simulate_post("/api/deployment/refresh", headers=headers)
            assert answer.status_code == 403
            assert "renews it" in answer.json["detail"]
            assert "set-cookie" not in answer.headers, "nor is its own cookie taken away"


def test_a_log_out_by_the_apps_token_ends_no_session_of_ours(project):
    here = project()
    made = here.api.log_in("u1", "1.6.7").json
    forged = {
        "userId": "u1",
        "sid": made["sid"],
        "deploymentVersion": "1.6.7",
        "iat": NOW + 5,
        "exp": NOW + 600,
    }
    assert here.api.post("/api/deployment/logout", jwt.encode(forged, SECRET)).status_code == 204
    assert here.beat(made["token"]) == "used"


def test_keys_of_the_apps_are_not_shown_as_ours(project):
    """Whoever believes what we sign (/.well-known/jwks.json) would believe the app's for ours."""
    here = project()
    apps = signing_keys.create(here.folder / "apps", "RS256", now=NOW)
    pem = (here.folder / "apps" / "verify" / f"{apps.kid}.pem").read_bytes()
    ours = here.api.get("/.well-known/jwks.json").json
    marks = keyring.Keyring(here.keys).marks()
    app_keys.trust(here.keys, "RS256", pem, now=NOW)
    assert listing.describe(here.keys)[0].alg == "RS256"
    assert here.api.get("/.well-known/jwks.json").json == ours
    assert keyring.Keyring(here.keys).marks() == marks, "nor do two projects with one app become one"


@pytest.mark.threat(18)
def test_18_each_key_has_its_own_issuer(lua, tmp_path):
    keys = tmp_path / "keys"
    signing_keys.create(keys, now=NOW)
    app_keys.trust(keys, "HS256", b"of anybody" * 4, now=NOW)
    app_keys.trust(keys, "HS256", b"of the shop" * 4, issuer="shop", now=NOW)
    signing_keys.rotate(keys, "HS256", secret=b"of both, that is" * 2, now=NOW)
    both = Both(lua, keys)
    claims = {"sub": "u", "deploymentVersion": "1.6.7", "iat": NOW, "exp": NOW + 60}
    verdicts: dict[bytes, list[object]] = {}
    for secret in (b"of anybody" * 4, b"of the shop" * 4, b"of both, that is" * 2):
        for issuer in (..., None, "", "shop", "bgctl", "Shop", ["shop"]):
            token = jws(secret, {"alg": "HS256"}, claims if issuer is ... else {**claims, "iss": issuer})
            assert both.proxy(token) == both.api(token)
            if both.api(token) != "issuer":
                verdicts.setdefault(secret[:11], []).append((issuer, both.tokens.verify(token).foreign))
    assert verdicts == {
        b"of anybodyo": [(issuer, True) for issuer in (..., None, "", "shop", "bgctl", "Shop", ["shop"])],
        b"of the shop": [("shop", True)],
        b"of both, th": [
            (issuer, issuer != "bgctl") for issuer in (..., None, "", "shop", "bgctl", "Shop", ["shop"])
        ],
    }


def test_only_a_token_of_ours_has_to_say_a_version(lua, tmp_path):
    """The key of an app that signs nothing of ours, and the one that both sign with."""
    keys = tmp_path / "keys"
    signing_keys.create(keys, "HS256", secret=b"of both, that is" * 2, now=NOW)
    app_keys.trust(keys, "HS256", b"of the shop" * 4, now=NOW)
    both = Both(lua, keys)
    verdicts = {}
    for secret in (b"of the shop" * 4, b"of both, that is" * 2):
        for issuer in ("shop", "bgctl"):
            token = jws(secret, {"alg": "HS256"}, {"iss": issuer, "sub": "u", "exp": NOW + 60})
            said = both.proxy(token)
            assert said == both.api(token)
            verdicts[secret[:11], issuer] = said if isinstance(said, str) else said[0]
    assert verdicts == {
        (b"of the shop", "shop"): None,
        (b"of the shop", "bgctl"): None,
        (b"of both, th", "shop"): None,
        (b"of both, th", "bgctl"): "claims",
    }
    assert both.why(token) == ["it has no deploymentVersion"]


@pytest.mark.parametrize(
    ("claims", "session"),
    [
        ({"sub": "u", "sid": "s", "jti": "1", "iat": NOW}, "s"),
        ({"sub": "u", "sid": 7.0, "session_id": "t"}, "7"),
        ({"sub": "u", "sid": None, "session_id": "t", "origin_jti": "o"}, "t"),
        ({"sub": "u", "origin_jti": "o", "jti": "1"}, "o"),
        ({"sub": "u", "jti": "1", "iat": NOW}, "user:"),
        ({"user_id": 7, "iat": NOW}, "user:"),
        ({"jti": "1"}, "1"),
        ({"sid": "s", "jti": []}, "s"),
        ({"sub": "u", "jti": []}, "user:"),
        ({"jti": []}, "claims"),
        ({"sub": "u", "sid": []}, "claims"),
        ({}, "claims"),
    ],
)
def test_without_a_version_a_session_is_what_stays_when_a_token_is_renewed(lua, tmp_path, claims, session):
    signing_keys.create(tmp_path / "keys", now=NOW)
    app_keys.trust(tmp_path / "keys", "HS256", SECRET, now=NOW)
    both = Both(lua, tmp_path / "keys")
    said = [both.proxy(jws(SECRET, {"alg": "HS256"}, {"exp": NOW + life, **claims})) for life in (60, 90)]
    api = both.api(jws(SECRET, {"alg": "HS256"}, {"exp": NOW + 60, **claims}))
    assert said == [api, api], "a new token is the same session"
    if session == "claims":
        assert api == session
    else:
        user = str(claims.get("sub", claims.get("user_id", "")))
        assert api[1] == names.session(session, user, foreign=True) + ("~" if session == "user:" else "")


@pytest.mark.parametrize("said", [{"sid": "s"}, {}], ids=["sid", "sub alone"])
def test_a_session_without_a_version_has_one_name_in_both_programs(project, said):
    """The proxy holds it; the session API counts a heartbeat by the name that the proxy reports."""
    here = project(cookies=("at",))
    claims = {"sub": "ada", "iss": "https://idp/", "iat": NOW, "exp": NOW + 300, **said}
    token = jwt.encode(claims, SECRET)
    version, rule, _ = here.route("", Cookie=f"at={token}")
    assert (version, rule) == ("1.6.8", "new")
    pin = here.pin
    headers = {"X-Deployment-Version": version, "X-Deployment-Generation": "1"}
    for at in (0, 240, 480):
        here.clock.now = NOW + at
        renewed = jwt.encode({**claims, "iat": NOW + at, "exp": NOW + at + 300, "jti": f"j{at}"}, SECRET)
        assert here.route("", Cookie=f"at={renewed}; {pin}")[:2] == ("1.6.8", "pin")
        here.tell()
        beat = here.api.post("/api/deployment/heartbeat", renewed, **headers)
        assert beat.json == {"yourVersion": "1.6.8", "currentVersion": "1.6.8", "updateAvailable": False}
        census = here.api.census(version="1.6.8").json
        assert [user["userId"] for user in census["users"]] == ["ada"]
        assert census["versions"]["1.6.8"]["users"] == 1
        first = 1 if said else 2  # before it has shown a pin, it may be a client that keeps none
        assert census["versions"]["1.6.8"]["sessions"] == (first if at < 360 else 1)
    shown = here.api.get("/api/deployment/session", renewed).json
    assert (shown["userId"], shown["deploymentVersion"]) == ("ada", "1.6.8")
    assert here.api.post("/api/deployment/refresh", renewed).status_code == 403
    assert here.api.post("/api/deployment/logout", renewed, **headers).status_code == 204
    assert here.api.census().json["versions"]["1.6.8"]["sessions"] == 0
    assert here.beat(renewed) != "used", "what was issued up to the log-out is over"


def test_of_several_tokens_one_with_a_version_counts_in_both_programs(project):
    here = project(headers=("x-token",), cookies=("at",))
    with_version = jwt.encode({"sub": "ada", "deploymentVersion": "1.6.7", "exp": NOW + 60}, SECRET)
    without = jwt.encode({"sub": "eve", "exp": NOW + 60}, SECRET)
    for cookie in (f"bg_session={without}; at={with_version}", f"at={with_version}"):
        version, rule, who = here.route("", **{"X-Token": without, "Cookie": cookie})
        assert (version, rule, plain(who[b"user"])) == ("1.6.7", "token", "ada")
        headers = {"X-Token": without, "Cookie": cookie.replace("bg_session", "__Host-bg_session")}
        shown = here.api.client.simulate_get("/api/deployment/session", headers=headers).json
        assert (shown["userId"], shown["deploymentVersion"]) == ("ada", "1.6.7")
    assert here.route("", **{"X-Token": without})[:2] == ("1.6.8", "new")
    shown = here.api.client.simulate_get("/api/deployment/session", headers={"X-Token": without}).json
    assert shown["userId"] == "eve"


AUDIENCES = [..., None, "", "web", "app", ["web"], ["app", "web"], ["app"], [], [["web"]], {"1": "web"}, 7]


@pytest.mark.threat(18)
@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_18_a_key_may_have_its_audience(lua, tmp_path, audience):
    """RFC 7519, section 4.1.3: `aud` is one text, or a list of which one is enough."""
    keys = tmp_path / "keys"
    signing_keys.create(keys, now=NOW)
    app_keys.trust(keys, "HS256", b"of anybody" * 4, now=NOW)
    app_keys.trust(keys, "HS256", b"of the web" * 4, issuer="shop", audience="web", now=NOW)
    both = Both(lua, keys)
    claims = {"iss": "shop", "sub": "u", "deploymentVersion": "1.6.7", "iat": NOW, "exp": NOW + 60}
    claims |= {} if audience is ... else {"aud": audience}
    is_good = audience in ("web", ["web"], ["app", "web"])
    for secret, verdict in ((b"of anybody", True), (b"of the web", is_good)):
        token = jws(secret * 4, {"alg": "HS256"}, claims)
        assert both.proxy(token) == both.api(token)
        assert (both.api(token) != "audience") is verdict
    if not is_good:
        why = (
            "no aud, and its key" if audience in (..., None, "") else "another aud than the one that its key"
        )
        assert both.why(token)[0].startswith(f"{why} is for")
    token = jws(b"of the web" * 4, {"alg": "HS256"}, claims | {"iss": "other"})
    assert both.proxy(token) == both.api(token) == "issuer", "which is looked at first"


@pytest.mark.threat(18)
def test_18_an_old_ring_goes_on_as_it_was(lua, tmp_path):
    """An imported secret of an entry that does not say so needs [tokens] issuer, as ever."""
    keys = tmp_path / "keys"
    signing_keys.create(keys, "HS256", secret=SECRET, now=NOW)
    path = keys / "verify" / "keyring.json"
    path.write_text(path.read_text().replace('"both"', '"us"'))
    both = Both(lua, keys)
    claims = {"sub": "u", "deploymentVersion": "1.6.7", "iat": NOW, "exp": NOW + 60}
    token = jwt.encode(claims, SECRET)
    assert both.proxy(token) == both.api(token) == "issuer"
    assert both.why(token) == ["no iss, and its key is for [tokens] issuer"]
    token = jwt.encode({**claims, "iss": "bgctl"}, SECRET)
    assert both.proxy(token) == both.api(token)
    assert not both.tokens.verify(token).foreign


@pytest.mark.parametrize(
    ("name", "claims", "verdict"),
    [
        ("app.version", {"app": {"version": "1"}}, "1"),
        ("app.version", {"app.version": "1", "app": {"version": "2"}}, "1"),
        ("app.version", {"app.version": None, "app": {"version": "2"}}, "2"),
        ("app.version", {"app": {"version": None}, "deploymentVersion": "3"}, "3"),
        ("app.version", {"app": {"version": False}, "deploymentVersion": "3"}, "claims"),
        ("app.version", {"app": {"version": 2}}, "claims"),
        ("app.version", {"app": ["1"], "deploymentVersion": "3"}, "3"),
        ("app.version", {"app": "version", "deploymentVersion": "3"}, "3"),
        ("app.version", {"app": None}, None),
        ("app.version", {"app": "version", "deploymentVersion": None}, None),
        ("app.version", {"app": {"version": ""}}, "claims"),
        ("deploymentVersion", {}, None),
        ("deploymentVersion", {"deploymentVersion": None, "deploymentGeneration": 3}, None),
        ("deploymentVersion", {"deploymentVersion": ""}, "claims"),
        ("deploymentVersion", {"deploymentVersion": False}, "claims"),
        ("deploymentVersion", {"iss": "bgctl"}, None),
        ("app.version", {"app": {"version": {"version": "1"}}}, "claims"),
        ("a.1", {"a": ["1", "2"], "deploymentVersion": "3"}, "3"),
        ("a..b.", {"a": {"b": "1"}}, "1"),
        ("...", {"deploymentVersion": "3"}, "claims"),
        ("a", {"a": 12345678901234567890}, "claims"),
        ("https://shop.example/version", {"https://shop.example/version": "1"}, "1"),
        ("https://shop.example/version", {"https://shop": {"example/version": "2"}}, "2"),
    ],
)
def test_the_claim_of_the_version(lua, tmp_path, name, claims, verdict):
    signing_keys.create(tmp_path / "keys", now=NOW)
    app_keys.trust(tmp_path / "keys", "HS256", SECRET, now=NOW)
    both = Both(lua, tmp_path / "keys", name)
    token = jws(SECRET, {"alg": "HS256"}, {"sub": "u", "exp": NOW + 60, **claims})
    said = both.proxy(token)
    assert said == both.api(token)
    assert (said if isinstance(said, str) else said[0]) == verdict
    assert verdict or said[3] is None, "a generation of no version"


@pytest.mark.parametrize(
    ("header", "claims", "why"),
    [
        (
            {"alg": "HS256"},
            {"userId": True},
            ["it has no exp", "its userId is neither text nor a whole number"],
        ),
        (
            {"alg": "HS512"},
            {"iss": "bgctl", "exp": NOW + 60},
            [
                *("no key in the ring is for its alg", "it has no deploymentVersion"),
                "it names nobody: no userId, user_id, sub, sid, jti",
            ],
        ),
        (
            {"alg": "HS256"},
            {"exp": NOW + 60, "session_id": True, "sub": "u"},
            ["its session_id is neither text nor a whole number"],
        ),
        (
            {"alg": "HS512"},
            {"exp": "soon", "iat": [], "nbf": NOW * 1000, "sid": 1.5, "sub": "u", "deploymentVersion": "-"},
            [
                "no key in the ring is for its alg",
                *("its exp is no number of seconds since 1970", "its iat is no number of seconds since 1970"),
                "its nbf is in milliseconds, it seems; nbf counts seconds",
                "its deploymentVersion is no version's name",
                "its sid is neither text nor a whole number",
            ],
        ),
        (
            {"alg": "HS256", "kid": "gone"},
            {"exp": NOW - 3600, "iat": NOW + 3600, "deploymentVersion": "1.6.7"},
            [
                *("unknown_kid", "expired", "not_yet"),
                "it names nobody: no userId, user_id, sub, sid, jti",
            ],
        ),
        ({"alg": "HS256", "crit": []}, {}, ["crit", "it has no exp"]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(lua, tmp_path, header, claims, why):
    signing_keys.create(tmp_path / "keys", now=NOW)
    app_keys.trust(tmp_path / "keys", "HS256", SECRET, now=NOW)
    both = Both(lua, tmp_path / "keys")
    token = jws(SECRET, header, claims)
    assert both.why(token)[: len(why)] == why
    assert both.proxy(token) == both.api(token)


def test_explain_says_all_of_it_in_its_words(project):
    here = project()
    row = here.explain(
        jwt.encode({"userId": 42, "exp": NOW - 3600}, b"another secret, of forty bytes or so ...")
    )
    assert row["why"] == ("its signature fits no key that is for its alg; expired at 2027-01-15T07:00:00Z")
    assert row["reason"] == "signature"
    assert here.explain("e30.e30.x")["reason"] == "malformed"


def test_a_verified_token_is_not_verified_again(project):
    """However many keys were tried for it, and whatever its claims are."""
    here = project()
    token = jwt.encode({"userId": 42, "deploymentVersion": "1.6.7", "exp": NOW + 600}, SECRET)
    here.route(token)
    count = b"""
        local token, claims = require("bg.tokens.token"), require("bg.tokens.claims")
        local calls = 0
        for _, module in ipairs({ token, claims }) do
            for name, call in pairs(module) do
                if type(call) == "function" then
                    module[name] = function(...) calls = calls + 1 return call(...) end
                end
            end
        end
        return function() return calls end
    """
    calls = here.proxy.lua.runtime.execute(count)
    assert here.route(token)[:2] == ("1.6.7", "token")
    assert calls() == 0
