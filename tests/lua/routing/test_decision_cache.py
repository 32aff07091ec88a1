"""Decisions that are taken again as they were: which are kept, and when they hold no longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, STATES, Proxy, token

LOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept": "text/html"}


@pytest.fixture
def proxy(tmp_path) -> Proxy:
    return Proxy(tmp_path, keeps_pages=False)  # as with migrate = "never"


def put(proxy: Proxy, name: str, generation: int = 1, migrate: str = "never") -> None:
    phase, blue, green = STATES[name]
    slots = {"blue": blue, "green": green}
    proxy.configure({"schema": 1, "generation": generation, "phase": phase, "slots": slots}, migrate)


def bearer(version: str = "1.6.7", **claims: object) -> dict[str, str]:
    said = {"sub": "u", "sid": "s" * 22, "deploymentVersion": version, **claims}
    return {"authorization": "Bearer " + token("k", "bgctl", **said)}


def pin(version: str = "1.6.7", **claims: object) -> dict[str, str]:
    said = {"sid": "s", "deploymentVersion": version, "deploymentGeneration": 1, "exp": NOW + 2700, **claims}
    return {"cookie": "bg_pin=" + token("pin", "bgctl-pin", **said)}


def ask(proxy: Proxy, headers: dict[str, str], now: int = NOW) -> tuple[str, bool]:
    """The version that answers, and whether that was decided before."""
    asked = proxy.asked({"method": "GET", "path": "/", "host": "x", "headers": dict(headers)})
    kept = proxy.router[b"again"](asked, now)
    kept = kept[0] if isinstance(kept, tuple) else kept
    found = kept[b"way"] if kept else proxy.router[b"route"](asked, now, True)
    return plain(found[b"slot"][b"version"]), kept is not None


@pytest.mark.parametrize("name", ["rest", "draining", "canary"])
@pytest.mark.parametrize("headers", [bearer(), pin(), bearer() | pin()], ids=["bearer", "pin", "both"])
def test_the_same_request_is_decided_once(proxy: Proxy, name: str, headers: dict[str, str]) -> None:
    put(proxy, name)
    assert ask(proxy, headers) == ("1.6.7", False)
    assert ask(proxy, headers) == ("1.6.7", True)
    assert ask(proxy, headers | LOAD) == ("1.6.7", True), "nothing else of it matters"


def test_a_new_state_decides_anew(proxy: Proxy) -> None:
    put(proxy, "canary")
    ask(proxy, pin())
    assert ask(proxy, pin()) == ("1.6.7", True)
    put(proxy, "draining", 2)
    assert ask(proxy, pin()) == ("1.6.7", False)


def test_it_ends_with_its_token(proxy: Proxy) -> None:
    put(proxy, "draining")
    ask(proxy, bearer(exp=NOW + 600))
    assert ask(proxy, bearer(exp=NOW + 600), NOW + 660) == ("1.6.7", True), "exp, and 60 seconds of leeway"
    version, was_kept = ask(proxy, bearer(exp=NOW + 600), NOW + 661)
    assert not was_kept
    assert version == "1.6.8", "a new session"


def test_it_ends_when_the_pin_is_due_anew(proxy: Proxy) -> None:
    """A pin is made anew where less than pin_idle (1800 seconds) of it is left."""
    put(proxy, "draining")
    ask(proxy, pin())
    assert ask(proxy, pin(), NOW + 900) == ("1.6.7", True)
    assert ask(proxy, pin(), NOW + 901) == ("1.6.7", False)


@pytest.mark.parametrize(
    "headers",
    [
        {},  # nobody: each request is a draw
        {"authorization": "Bearer opaque"},  # an API client, which is remembered
        bearer() | {"cookie": "bg_session=x.y.z"},  # found before the cookie is looked at, and so kept
        {"cookie": "bg_session=" + bearer()["authorization"][7:]},  # gets a pin
        pin() | {"authorization": "Bearer a.b.c"},  # a refused token is counted each time
        pin(exp=NOW + 60),  # the pin is due
    ],
)
def test_what_has_an_effect_of_its_own_is_decided_each_time(proxy: Proxy, headers: dict[str, str]) -> None:
    put(proxy, "draining")
    first = ask(proxy, headers)[1], ask(proxy, headers)[1]
    assert first == ((False, True) if "x.y.z" in headers.get("cookie", "") else (False, False))


def test_what_a_page_load_may_change_is_decided_each_time(tmp_path) -> None:
    proxy = Proxy(tmp_path)
    put(proxy, "draining", migrate="navigation")
    ask(proxy, pin() | LOAD)
    assert ask(proxy, pin() | LOAD)[1] is False


@pytest.mark.parametrize("name", ["rest", "draining"])
def test_a_version_that_is_asked_for_is_looked_at(proxy: Proxy, name: str) -> None:
    put(proxy, name)
    asked = bearer() | {"x-deployment-version": "1.6.8"}
    ask(proxy, bearer())
    assert ask(proxy, asked) == (("1.6.7", True) if name == "rest" else ("1.6.8", False))


COOKIES = [{"name": "sessionid", "wanted": "sessionid=", "variable": "upstream_cookie_sessionid"}]


def test_a_session_of_the_apps_own_is_decided_anew_once_its_cookie_was_cleared(tmp_path) -> None:
    """Another worker may have seen that answer: it is in the memory that all share."""
    proxy = Proxy(tmp_path, keeps_pages=False, session_cookies=COOKIES)
    put(proxy, "rest")
    jar = {"cookie": pin(bound=True, exp=NOW + 7 * 86400 + 3000)["cookie"] + "; sessionid=v4lue"}
    assert ask(proxy, jar) == ("1.6.7", False)
    assert ask(proxy, jar) == ("1.6.7", True)
    name = proxy.lua.module("tokens.cookie_sessions")[b"name"]
    settings = proxy.lua.module("routing.router")[b"settings"]
    clients = proxy.lua.module("tokens.api_clients")
    clients[b"close"](name(settings[b"session_cookies"][1], b"v4lue"), b"1.6.7", 1, NOW + 60, NOW)
    assert ask(proxy, jar) == ("1.6.7", False), "it counts no longer"
    assert ask(proxy, jar, NOW + 61)[1] is False, "nobody remembers that it was cleared"
    assert ask(proxy, jar, NOW + 61)[1] is True


SESSIONS, MOST_BYTES = 2000, 1300  # the bytes are a session's: 400 of them are its Authorization header


def test_a_bearer_takes_little_memory(tmp_path: Path) -> None:
    """Its decision, the row of its activity, and no second copy of its token."""
    proxy = Proxy(tmp_path, keeps_pages=False)
    put(proxy, "rest")
    people = [bearer(sub=f"u{number}", sid=f"{number:022}") for number in range(SESSIONS + 100)]
    used = proxy.lua.runtime.execute(
        b"return function() collectgarbage() collectgarbage() return collectgarbage('count') * 1024 end"
    )
    for headers in people[:100]:
        ask(proxy, headers)
    before = used()
    for headers in people[100:]:
        assert ask(proxy, headers) == ("1.6.7", False)
    assert (used() - before) / SESSIONS < MOST_BYTES
    assert ask(proxy, people[-1]) == ("1.6.7", True)


def test_a_bearer_whose_decision_has_gone_is_verified_anew(proxy: Proxy) -> None:
    put(proxy, "rest")
    refused = {"authorization": bearer()["authorization"][:-2] + "AA"}
    for _ in range(2):
        ask(proxy, bearer())
    put(proxy, "canary", 2)
    assert ask(proxy, bearer()) == ("1.6.7", False)
    assert ask(proxy, bearer()) == ("1.6.7", True)
    assert ask(proxy, refused)[1] is False


def test_a_text_that_was_decided_about_as_one_header_is_not_taken_for_the_other(proxy: Proxy) -> None:
    put(proxy, "draining")
    assert ask(proxy, bearer()) == ("1.6.7", False)
    assert ask(proxy, bearer()) == ("1.6.7", True)
    assert ask(proxy, {"cookie": bearer()["authorization"]}) == ("1.6.8", False)
    assert ask(proxy, pin()) == ("1.6.7", False)
    assert ask(proxy, pin()) == ("1.6.7", True)
    assert ask(proxy, {"authorization": pin()["cookie"]}) == ("1.6.8", False)
