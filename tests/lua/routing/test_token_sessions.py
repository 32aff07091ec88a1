"""Tokens that say whose they are and no version, as identity providers give them: held, counted, renewed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lua.support.asking import FETCH, LOAD, NEW, OLD, ask, claims, max_age, switch
from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, Proxy, token

DAY = 86400
LEFT = [{"from": OLD, "to": NEW, "generation": 3, "at": "2027-01-15T08:00:00Z"}]


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    made = Proxy(tmp_path, token_cookies=[{"name": "at", "wanted": "at="}], has_further_tokens=True)
    made.learn_provider(tmp_path)
    switch(made, "rest")
    return made


def access(now: int = NOW, life: int = 300, **said: Any) -> str:
    """An access token that was issued just now, with a new `jti` as always."""
    return token(
        "idp", "https://idp/", **{"sub": "ada", "iat": now, "exp": now + life, "jti": f"j{now}", **said}
    )


def bearer(now: int = NOW, **said: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {access(now, **said)}"}


def jar(now: int = NOW, pin: str = "", **said: Any) -> str:
    return f"at={access(now, **said)}" + (f"; {pin}" if pin else "")


def key(answer):
    return answer.holder and answer.holder["key"]


@pytest.mark.parametrize("said", [{"sid": "s-1"}, {}], ids=["sid", "sub alone"])
def test_a_client_without_a_jar_is_held_while_its_tokens_are_renewed(proxy, said):
    first = ask(proxy, bearer(**said))
    assert (first.version, first.rule, first.cookie) == (OLD, "new", None)
    assert key(first).startswith("s t."), "a session, which is no visitor's"
    assert (first.holder["user"], first.holder["exp"], first.holder["iat"]) == ("ada", NOW + 300, NOW)
    switch(proxy, "draining", 2)
    for at in range(NOW + 240, NOW + 6 * 3600, 240):
        held = ask(proxy, bearer(at, **said), at)
        assert (held.version, held.rule, key(held)) == (OLD, "session", key(first))
        assert (held.holder["exp"], held.holder["iat"]) == (at + 300, at)
    assert ask(proxy, bearer(sub="eve"), NOW + 6).version == NEW
    switch(proxy, "given up", 3, LEFT)
    switch(proxy, "draining", 4, LEFT)
    late = NOW + 6 * 3600
    assert ask(proxy, bearer(late, **said), late).version == NEW, "it went with the others"


def test_an_expired_token_says_nothing(proxy):
    ask(proxy, bearer())
    switch(proxy, "draining", 2)
    assert ask(proxy, bearer(), NOW + 360).rule == "session", "within the leeway"
    late = ask(proxy, bearer(), NOW + 362)
    assert (late.version, late.rule, key(late)) == (NEW, "credential", None)
    back = ask(proxy, bearer(NOW + 900), NOW + 900)
    assert (back.version, back.rule) == (OLD, "session"), "and a new one says whose it is again"


def test_a_browser_is_held_by_its_pin_and_counted_by_its_token(proxy):
    first = ask(proxy, LOAD, cookies=jar())
    assert (first.version, first.holder["user"]) == (OLD, "ada")
    assert claims(first.pin)["bound"] is True
    assert max_age(first.cookie) >= 7 * DAY, "its tokens are renewed, nobody knows for how long"
    switch(proxy, "draining", 2)
    held = ask(proxy, FETCH, NOW + 60, cookies=jar(NOW + 60, first.pin))
    assert (held.version, held.rule, held.cookie) == (OLD, "pin", None)
    much_later = ask(proxy, FETCH, NOW + 6 * DAY, cookies=jar(NOW + 6 * DAY, first.pin))
    assert (much_later.version, key(much_later)) == (OLD, key(held))
    assert max_age(much_later.cookie) >= 7 * DAY


def test_a_visitor_who_logs_in_is_a_session_and_no_visitor(proxy):
    visitor = ask(proxy, LOAD).pin
    assert key(ask(proxy, FETCH, cookies=visitor)).startswith("v ")
    session = ask(proxy, FETCH, cookies=jar(pin=visitor, sid="s"))
    assert key(session).startswith("s t.")
    assert "gone" in str(proxy.memory()["bg_outbox_visitorsqueue"])
    expired = ask(proxy, FETCH, NOW + 900, cookies=jar(pin=session.pin, sid="s"))
    assert key(expired) == f"v {claims(session.pin)['sid']}", "until the app has renewed its token"
    renewed = ask(proxy, FETCH, NOW + 901, cookies=jar(NOW + 901, expired.pin, sid="s"))
    assert key(renewed) == key(session)
    proxy.memory()
    assert proxy.lua.module("activity.memory")[b"get"](key(expired).encode()) is None, "and is no visitor"


def test_a_script_with_a_token_goes_where_its_page_is_and_leaves_the_pin_its_own(proxy):
    page = ask(proxy, LOAD).pin
    switch(proxy, "draining", 2)
    first = ask(proxy, {**FETCH, **bearer()}, cookies=page)
    assert (first.version, first.rule, first.holder["user"]) == (OLD, "pin", "ada")
    assert claims(first.pin)["sid"] == claims(page)["sid"]
    assert "bound" not in claims(first.pin)
    assert max_age(first.cookie) >= 7 * DAY, "nothing else says its version tomorrow"
    tomorrow = NOW + DAY
    later = ask(proxy, {**FETCH, **bearer(tomorrow)}, tomorrow, cookies=first.pin)
    assert (later.version, later.rule) == (OLD, "pin")
    without = ask(proxy, {**FETCH, **bearer(tomorrow)}, tomorrow)
    assert without.version == NEW, "what a pin says is not remembered beside it"


def test_two_browsers_of_one_user_are_on_two_versions_and_a_drain_sees_both(proxy):
    """Where nothing but `sub` names the session; a client without a pin is a third one."""
    old = ask(proxy, LOAD, cookies=jar()).pin
    switch(proxy, "draining", 2)
    new = ask(proxy, LOAD).pin
    one, other = (ask(proxy, FETCH, cookies=jar(pin=pin)) for pin in (old, new))
    assert (one.version, other.version) == (OLD, NEW)
    assert (key(one), key(other)) == (f"{key(one)[:26]}~{OLD}", f"{key(one)[:26]}~{NEW}")
    memory = str(proxy.memory())
    for each in (one, other):
        assert f"bg_seen{key(each)}" in memory
    assert ask(proxy, bearer()).holder["key"] == key(one)[:26]


def test_with_a_sid_they_are_sessions_of_their_own(proxy):
    first, second = (ask(proxy, bearer(sid=sid)) for sid in "ab")
    assert key(first) != key(second)
    assert first.holder["user"] == second.holder["user"] == "ada"


def test_a_token_without_a_user_is_a_session_of_nobody(proxy):
    nobody = ask(proxy, bearer(sub=None, sid="s"))
    assert key(nobody).startswith("c t.")
    assert "user" not in nobody.holder
    switch(proxy, "draining", 2)
    assert ask(proxy, bearer(sub=None, sid="s")).rule == "session"


def test_a_token_with_a_version_says_more_wherever_it_is(proxy):
    switch(proxy, "draining", 2)
    ours = token("k", "bgctl", sid="x", userId="bob", deploymentVersion=OLD)
    theirs = token("idp", "https://idp/", sid="x", sub="bob", deploymentVersion=OLD)
    for cookies in (f"bg_session={ours}", f"at={theirs}", f"bg_session={access()}; at={theirs}"):
        answer = ask(proxy, bearer(), cookies=cookies)
        assert (answer.version, answer.rule, answer.holder["user"]) == (OLD, "token", "bob")
    own = token("k", "bgctl", sid="x", userId="bob")
    assert ask(proxy, {"authorization": f"Bearer {own}"}).rule == "credential", "ours has to say one"


def test_a_version_that_is_none_is_still_a_fault(proxy):
    for wrong in ("", "1.6.7 ", 7, ["1.6.7"]):
        assert ask(proxy, bearer(deploymentVersion=wrong)).rule == "credential"


def test_sessions_move_as_others_do(proxy):
    switch(proxy, "rest", migrate="navigation")
    first = ask(proxy, LOAD, cookies=jar())
    switch(proxy, "draining", 2, migrate="navigation")
    cookies = jar(pin=first.pin)
    assert ask(proxy, FETCH, cookies=cookies).version == OLD
    moved = ask(proxy, LOAD, path="/next", cookies=cookies)
    assert (moved.version, moved.rule) == (NEW, "migrated")
    pin = moved.withheld.partition(";")[0]
    assert (moved.terms, claims(pin)["from"]) == ("surely", OLD)
    old_page = ask(proxy, {**FETCH, "referer": "https://x/"}, cookies=jar(pin=pin))
    assert (old_page.version, old_page.rule) == (OLD, "page")
    assert key(old_page).endswith(f"~{OLD}"), "a drain waits for that page"


def test_a_busy_browser_is_not_idle(proxy):
    switch(proxy, "rest", migrate="idle")
    pin = ask(proxy, LOAD, cookies=jar()).pin
    ask(proxy, FETCH, NOW + 1, cookies=jar(pin=pin))
    proxy.memory()
    switch(proxy, "draining", 2, migrate="idle")
    assert ask(proxy, LOAD, NOW + 30, cookies=jar(pin=pin)).version == OLD
    proxy.memory()
    assert ask(proxy, LOAD, NOW + 95, path="/next", cookies=jar(NOW + 95, pin)).rule == "migrated"


def test_what_the_session_api_tells_after_a_restart_holds(proxy):
    sid = key(ask(proxy, bearer()))[2:]
    api_clients, names = proxy.lua.module("tokens.api_clients"), proxy.lua.module("lib.names")
    name = plain(names[b"remembered"](sid.encode()))
    assert sid == name
    assert f"bg_token_sessions{name}" in proxy.memory(), "where no made-up cookie pushes it out"
    assert names[b"remembered"](f"{sid}~1.6.7".encode()) is None, "a browser has a pin that says it"
    api_clients[b"forget"](name.encode())
    switch(proxy, "draining", 2)
    api_clients[b"restore"](name.encode(), OLD.encode(), NOW - 60, NOW + 1000, NOW)
    held = ask(proxy, bearer(NOW + 5), NOW + 5)
    assert (held.version, held.rule) == (OLD, "session")


def test_explain_says_what_the_token_is_good_for(proxy):
    switch(proxy, "rest")
    ask(proxy, bearer(sid="s"))
    switch(proxy, "draining", 2)

    def rows(**headers: str) -> dict[str, tuple[str, str]]:
        asked = proxy.asked({"path": "/", "method": "GET", "host": "x", "headers": headers})
        said = plain(proxy.explain[b"of"](asked, NOW + 1))
        return {row["rule"]: (row["outcome"], row["why"]) for row in said["rules"].values()}

    held = rows(**bearer(sid="s"))
    assert held["bearer"] == (
        "no",
        "good; it says which session and user, and no version (deploymentVersion)",
    )
    assert held["session"] == ("used", f"its token: was given {OLD}, which blue serves")
    fresh = rows(**bearer())
    assert fresh["bearer"] == ("no", "good; it says which user, and no version (deploymentVersion)")
    assert fresh["session"] == ("no", "its token says whose it is, and nothing is remembered of that")
    assert rows(cookie=jar(sub=None, sid="x"))["cookie"] == (
        "no",
        "at: good; it says which session, and no version (deploymentVersion)",
    )
