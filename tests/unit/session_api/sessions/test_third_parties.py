"""The app's own tokens, and under which name their sessions are counted."""

from typing import Any

import jwt
import pytest

from session_api.keys import app_keys
from session_api.sessions import names
from tests.unit.session_api.support.api import Api, problem, rfc3339
from tests.unit.session_api.support.data import NOW, HandClock, claims
from tests.unit.session_api.support.forge import Forge, third_party


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


@pytest.mark.threat(77)
@pytest.mark.parametrize("sub", ["x" * 200, "ж" * 79, "a\nb", "them@example.org"])
def test_77_a_third_partys_user_is_one_session_under_one_name(api: Api, forge: Forge, sub: str) -> None:
    """What the proxy reports of it (tests/lua: the same names) is the row that is here."""
    token = third_party(forge, sub=sub)
    assert api.post("/api/deployment/heartbeat", token).status_code == 200
    user = names.user(sub)
    api.report([names.session(f"iat:{NOW}", user), user, "1.6.7", NOW, NOW + 90_000, NOW])
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
    api.report([made["sid"], names.user("ж" * 79), "1.6.7", clock(), NOW + 604800, NOW])
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


@pytest.mark.parametrize("said", [{"sid": "s-1"}, {"session_id": "s-1"}, {"origin_jti": "s-1"}, {}])
def test_a_token_without_a_version_is_where_the_proxy_says(api: Api, keys: Any, said: dict[str, str]) -> None:
    """It is counted by the name that the proxy reports, and each renewed token goes on in its place."""
    secret = b"an identity provider's very own secret"
    app_keys.trust(keys, "HS256", secret, kid="idp", now=NOW - 600)
    least = {"sub": "them", "iat": NOW, "exp": NOW + 300}
    name = names.session("s-1" if said else "user:", "them", foreign=True)
    sid = names.by_token(name, None if said else "1.6.8")
    assert sid == (f"t.{name}" if said else f"t.{name}~1.6.8")
    for number in range(3):
        token = jwt.encode(
            least | said | {"jti": f"j{number}", "exp": NOW + 300 + number}, secret, headers={"kid": "idp"}
        )
        on = {"X-Deployment-Version": "1.6.8", "X-Deployment-Generation": "7"}
        assert api.post("/api/deployment/heartbeat", token, **on).json["yourVersion"] == "1.6.8"
        api.report([sid, "them", "1.6.8", NOW, NOW + 300, NOW])
    assert api.census().json["versions"]["1.6.8"] == {
        **api.census().json["versions"]["1.6.8"],
        **{"sessions": 1, "users": 1},
    }
    assert api.post("/api/deployment/refresh", token, **on).status_code == 403
    assert api.post("/api/deployment/logout", token, **on).status_code == 204
    assert api.census().json["versions"]["1.6.8"]["sessions"] == 0
    assert api.post("/api/deployment/heartbeat", token, **on).status_code == 401


def test_without_the_proxys_word_it_is_where_new_sessions_go(api: Api, keys: Any) -> None:
    secret = b"an identity provider's very own secret"
    app_keys.trust(keys, "HS256", secret, kid="idp", now=NOW - 600)
    token = jwt.encode({"sub": "them", "exp": NOW + 300}, secret, headers={"kid": "idp"})
    shown = api.get("/api/deployment/session", token).json
    current = api.get("/api/deployment/version").json["currentVersion"]
    assert (shown["userId"], shown["deploymentVersion"]) == ("them", current)
