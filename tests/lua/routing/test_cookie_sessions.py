"""An app with a session cookie of its own and no token ([sessions] cookie): held, counted, ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lua.support.asking import FETCH, LOAD, NEW, OLD, ask, claims, max_age, switch
from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, Proxy, token

DAY = 86400
COOKIES = [
    {"name": name, "wanted": f"{name}=", "variable": f"upstream_cookie_{name}"}
    for name in ("sessionid", "connect.sid")
]
VALUE = "k3yr1ngj2u0z5m8q"
CLEARED = "sessionid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    made = Proxy(tmp_path, session_cookies=COOKIES)
    switch(made, "rest")
    return made


def answered(proxy, lines, cookies=None, version=OLD, now=NOW):
    """What the proxy does when the answer with these Set-Cookie lines is through."""
    answer = {"lines": lines, "version": version, "generation": 1}
    take = proxy.lua.module("routing.cookie_answers")[b"take"]
    take(proxy.asked({"cookie": cookies} if cookies else {}), proxy.lua.table(answer), now)


def key(answer):
    return answer.holder and answer.holder["key"]


def waiting(proxy, kind="cookies"):
    return str(proxy.memory().get(f"bg_outbox_{kind}queue", "")).split(" ")


def test_a_session_is_one_from_its_first_request_on_and_keeps_its_version(proxy):
    first = ask(proxy, LOAD, cookies=f"sessionid={VALUE}")
    assert (first.version, first.rule) == (OLD, "new")
    assert key(first).startswith("c c."), "a session, which is no visitor's"
    assert "user" not in first.holder
    assert claims(first.pin)["bound"] is True
    assert max_age(first.cookie) >= 7 * DAY, "nobody knows how long the app's cookie lasts"
    switch(proxy, "draining", 2)
    jar = f"sessionid={VALUE}; {first.pin}"
    held = ask(proxy, FETCH, NOW + 60, cookies=jar)
    assert (held.version, held.rule, key(held), held.cookie) == (OLD, "pin", key(first), None)
    much_later = ask(proxy, FETCH, NOW + 6 * DAY, cookies=jar)
    assert (much_later.version, key(much_later)) == (OLD, key(first))
    assert max_age(much_later.cookie) >= 7 * DAY
    assert VALUE not in str(proxy.memory()), "the value is kept nowhere"


def test_no_cookie_no_session(proxy):
    for cookies in ("", "sessionid=", "xsessionid=a; other=sessionid=b"):
        assert key(ask(proxy, LOAD, cookies=cookies)) is None


def test_without_the_setting_nothing_changes(tmp_path):
    proxy = Proxy(tmp_path)
    switch(proxy, "rest")
    assert key(ask(proxy, LOAD, cookies=f"sessionid={VALUE}")) is None


def test_a_token_says_more_than_a_cookie(proxy):
    text = token("k", "bgctl", sid="s", deploymentVersion=OLD, userId="ada")
    for headers, cookies in (
        ({"authorization": f"Bearer {text}"}, f"sessionid={VALUE}"),
        ({}, f"sessionid={VALUE}; bg_session={text}"),
    ):
        answer = ask(proxy, {**FETCH, **headers}, cookies=cookies)
        assert (answer.rule, answer.holder["user"]) == ("token", "ada")


def test_a_visitor_who_logs_in_is_a_session_and_no_visitor(proxy):
    visitor = ask(proxy, LOAD).pin
    assert key(ask(proxy, FETCH, cookies=visitor)) == f"v {claims(visitor)['sid']}"
    answered(proxy, f"sessionid={VALUE}; Path=/", visitor)
    assert any(each.startswith("c.") for each in waiting(proxy)), (
        "it counts at once: the browser keeps cookies"
    )
    assert "gone" in waiting(proxy, "visitors")
    switch(proxy, "draining", 2)
    session = ask(proxy, LOAD, cookies=f"{visitor}; sessionid={VALUE}")
    assert (session.version, session.rule) == (OLD, "pin")
    assert claims(session.pin)["sid"] != claims(visitor)["sid"]
    assert claims(session.pin)["sid"] in key(session)


@pytest.mark.parametrize("sees_it", [True, False], ids=["seen", "by another proxy"])
def test_a_new_value_is_the_same_session(proxy, sees_it):
    """Protection against session fixation, or a framework that encrypts its cookie anew each time."""
    first = ask(proxy, LOAD, cookies="sessionid=v0")
    switch(proxy, "draining", 2)
    for number in range(1, 40):
        cookies = f"sessionid=v{number - 1}; {first.pin}"
        if sees_it:
            answered(proxy, [f"sessionid=v{number}; Path=/", "csrftoken=x"], cookies)
        again = ask(proxy, FETCH, cookies=f"sessionid=v{number}; {first.pin}")
        assert (again.version, key(again)) == (OLD, key(first))
    assert waiting(proxy).count(key(first)[2:]) == 1, "one session, not forty"


def test_a_client_without_a_jar_is_held_by_what_the_proxy_remembers(proxy):
    first = ask(proxy, cookies="sessionid=v0")
    switch(proxy, "draining", 2)
    held = ask(proxy, now=NOW + 1700, cookies="sessionid=v0")
    assert (held.version, held.rule, key(held)) == (OLD, "session", key(first))
    assert ask(proxy, now=NOW + 3400, cookies="sessionid=v0").version == OLD, "it slides"
    answered(proxy, "sessionid=v1", "sessionid=v0", now=NOW + 3400)
    after = ask(proxy, now=NOW + 3401, cookies="sessionid=v1")
    assert (after.version, after.rule, key(after)) == (OLD, "session", key(first)), "a new value moves nobody"
    assert ask(proxy, now=NOW + 5200, cookies="sessionid=v1").version == OLD, "that slides, too"
    assert ask(proxy, now=NOW + 5200, cookies="sessionid=other").version == NEW
    left = [{"from": OLD, "to": NEW, "generation": 3, "at": "2027-01-15T08:00:00Z"}]
    switch(proxy, "given up", 3, left)
    switch(proxy, "draining", 4, left)
    assert ask(proxy, now=NOW + 5301, cookies="sessionid=v1").version == NEW, "who has left"


def test_a_log_in_without_a_jar_is_held_where_it_was(proxy):
    answered(proxy, "sessionid=v1; Path=/")
    switch(proxy, "draining", 2)
    held = ask(proxy, cookies="sessionid=v1")
    assert (held.version, held.rule) == (OLD, "session")
    assert waiting(proxy) == [""] or key(held), "robots that get a cookie with each page are never counted"


def test_robots_that_keep_no_cookie_are_not_counted(proxy):
    for number in range(5):
        ask(proxy, LOAD)
        answered(proxy, f"sessionid=r{number}; Path=/")
    assert waiting(proxy) == [""]


@pytest.mark.parametrize("has_jar", [True, False])
def test_a_cookie_that_is_cleared_ends_the_session_at_once(proxy, has_jar):
    first = ask(proxy, LOAD, cookies=f"sessionid={VALUE}")
    cookies = f"sessionid={VALUE}" + (f"; {first.pin}" if has_jar else "")
    name = key(first)[2:]
    assert name in waiting(proxy)
    answered(proxy, CLEARED, cookies)
    assert "gone" in waiting(proxy)
    late = ask(proxy, FETCH, NOW + 1, cookies=cookies)
    assert key(late) is None, "what was on its way does not bring it back"
    assert late.version == OLD
    if has_jar:
        visitor = ask(proxy, {**FETCH}, NOW + 2, cookies=first.pin)
        assert key(visitor) == f"v {claims(first.pin)['sid']}", "the browser is a visitor again"
    answered(proxy, f"sessionid={VALUE}; Path=/", now=NOW + 3)
    assert key(ask(proxy, FETCH, NOW + 3, cookies=cookies)), "a log-in with the same value begins a session"


def test_a_log_out_and_a_log_in_in_one_browser_are_one_session_after_the_other(proxy):
    first = ask(proxy, LOAD, cookies="sessionid=a")
    answered(proxy, CLEARED, f"sessionid=a; {first.pin}", now=NOW + 1)
    answered(proxy, "sessionid=b; Path=/", first.pin, now=NOW + 2)
    again = ask(proxy, LOAD, NOW + 3, cookies=f"sessionid=b; {first.pin}")
    assert again.version == OLD
    assert key(again)
    assert waiting(proxy)[-1] == key(again)[2:]


def test_the_first_of_several_cookies_counts(proxy):
    both = ask(proxy, cookies="connect.sid=s%3Ab.c; sessionid=a")
    assert key(both) == key(ask(proxy, cookies="sessionid=a"))
    assert key(ask(proxy, cookies="connect.sid=s%3Ab.c")) not in (None, key(both))
    answered(proxy, "connect.sid=; Max-Age=0", "connect.sid=s%3Ab.c; sessionid=a")
    assert key(ask(proxy, cookies="sessionid=a")) == key(both), "another cookie was cleared"


def test_sessions_move_as_others_do(proxy):
    switch(proxy, "rest", migrate="navigation")
    first = ask(proxy, LOAD, cookies=f"sessionid={VALUE}")
    switch(proxy, "draining", 2, migrate="navigation")
    cookies = f"sessionid={VALUE}; {first.pin}"
    assert ask(proxy, FETCH, cookies=cookies).version == OLD
    moved = ask(proxy, LOAD, path="/next", cookies=cookies)
    assert (moved.version, moved.rule, key(moved)) == (NEW, "migrated", key(first))
    pin = moved.withheld.partition(";")[0]
    assert (moved.terms, claims(pin)["from"]) == ("surely", OLD)
    old_page = ask(proxy, {**FETCH, "referer": "https://x/"}, cookies=f"sessionid={VALUE}; {pin}")
    assert (old_page.version, old_page.rule) == (OLD, "page")
    assert key(old_page) == f"{key(first)}~{OLD}", "a drain waits for that page"


def test_a_new_secret_moves_nobody(proxy, tmp_path):
    ask(proxy, cookies=f"sessionid={VALUE}")
    switch(proxy, "draining", 2)
    (tmp_path / "pin.secret").write_bytes(b"n" * 40)
    for at in (NOW, NOW + 2):
        proxy.lua.module("tokens.credentials")[b"sync_keys"](at)
    first, second = (ask(proxy, now=NOW + 3, cookies=f"sessionid={VALUE}") for _ in range(2))
    assert (first.version, second.version) == (OLD, OLD)
    assert key(first) == key(second)


def test_what_the_session_api_tells_after_a_restart_holds(proxy):
    name = plain(
        proxy.lua.module("tokens.cookie_sessions")[b"name"](proxy.settings[b"session_cookies"][1], b"v0")
    )
    sid = plain(proxy.lua.module("lib.names")[b"by_cookie"](name.encode())[0])
    remembered = proxy.lua.module("lib.names")[b"remembered"]
    assert plain(remembered(sid.encode())) == name
    assert remembered(f"{sid}~1.6.7".encode()) is None, "a page that was left behind is nobody's session"
    proxy.lua.module("tokens.api_clients")[b"restore"](name.encode(), OLD.encode(), NOW - 60, NOW + 1000, NOW)
    switch(proxy, "draining", 2)
    held = ask(proxy, cookies="sessionid=v0")
    assert (held.version, held.rule) == (OLD, "session")
    left = [{"from": OLD, "to": NEW, "generation": 3, "at": "2027-01-15T08:00:00Z"}]
    proxy.lua.module("tokens.api_clients")[b"restore"](b"x" * 22, OLD.encode(), NOW - 60, NOW + 1000, NOW)
    switch(proxy, "given up", 3, left)
    assert ask(proxy, cookies="sessionid=v0").version == NEW


def test_the_access_log_has_one_name_for_a_browser(proxy):
    hashes = set()
    pin = None
    for number in range(3):
        cookies = f"sessionid=v{number}" + (f"; {pin}" if pin else "")
        asked = {"method": "GET", "path": "/", "host": "x", "headers": {**LOAD, "cookie": cookies}}
        decision = proxy.router[b"route"](proxy.asked(asked), NOW, True)
        hashes.add(plain(proxy.lua.module("lib.names")[b"in_log"](decision[b"identity"])))
        pin = pin or plain(decision[b"cookie"]).partition(";")[0]
    assert len(hashes) == 1


AT_HAND = b"""
    local asked, lines = ...
    ngx.var, ngx.header = asked, { ["Set-Cookie"] = lines }
    asked.upstream_cookie_sessionid = lines
    local request = require("bg.routing.request").AT_HAND
    local decision = require("bg.routing.router").route(request, ngx.time(), true)
    asked.bg_version, asked.bg_generation = decision.slot.version, "2"
    local held = asked.bg_held_version
    asked.bg_session_version = held ~= "" and held or asked.bg_version -- as nginx has it
    require("bg.routing.cookie_answers").follow()
    return decision.slot.version
"""


def for_another_version(proxy, cookies, lines):
    """What a request leaves behind that a page of NEW has sent by its script; returns who answered."""
    asked = {
        "request_method": "POST",
        "request_uri": "/",
        "http_cookie": cookies,
        "http_x_deployment_version": NEW,
        "bg_forwarded_host": "x",
        "bg_held_version": "",
        **{f"http_{name.replace('-', '_')}": value for name, value in FETCH.items()},
    }
    return plain(proxy.lua.runtime.execute(AT_HAND, proxy.lua.table(asked), lines.encode()))


def test_a_new_value_from_the_version_that_a_page_asked_for_moves_nobody(proxy):
    """By what the proxy remembers, without a pin; and with one, a log-in counts where the pin is."""
    ask(proxy, cookies="sessionid=v0")
    visitor = ask(proxy, LOAD).pin
    switch(proxy, "draining", 2)
    assert for_another_version(proxy, "sessionid=v0", "sessionid=v1; Path=/") == NEW
    assert ask(proxy, FETCH, cookies="sessionid=v1").version == OLD
    assert for_another_version(proxy, visitor, "sessionid=w0; Path=/") == NEW
    memory = [f"{name} {value}" for name, value in proxy.memory().items()]
    noted = [each for each in memory if str(claims(visitor)["sid"]) in each]
    assert noted
    assert NEW not in str(noted)
