"""Pins do no harm, and last: who gets one, for how long, and what holds those who have none."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from tests.lua.support.asking import FETCH, FOREIGN, LOAD, NEW, OLD, ask, claims, max_age, switch
from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, Proxy, token
from toolkit import config
from toolkit.release import preview_link
from toolkit.rendering import settings_json

DAY = 86400
EXAMPLE = (Path(__file__).parents[3] / "bgctl.example.toml").read_text()


@pytest.fixture
def proxy(tmp_path) -> Proxy:
    made = Proxy(tmp_path)
    switch(made, "draining")
    return made


def session(exp: int = NOW + 7 * DAY, sid: str = "s", **more: object) -> str:
    return "bg_session=" + token("k", "bgctl", **{"sid": sid, "deploymentVersion": OLD, "exp": exp, **more})


def test_a_pin_beside_a_session_cookie_lives_as_long_as_its_token(proxy):
    given = ask(proxy, FETCH, cookies=session(userId="ada"))
    assert max_age(given.cookie) >= 7 * DAY
    assert claims(given.pin)["exp"] == NOW + max_age(given.cookie)
    late = NOW + 7 * DAY - 60
    link = {**LOAD, "sec-fetch-site": "cross-site"}
    assert (ask(proxy, link, late, cookies=given.pin).version, given.version) == (OLD, OLD)


def test_it_is_minted_once_for_a_token_and_once_more_for_a_renewed_one(proxy):
    pin, minted = "", 0
    for minutes in range(0, 7 * 24 * 60, 60):
        now = NOW + minutes * 60
        answer = ask(proxy, FETCH, now, cookies=f"{session()}; {pin}" if pin else session())
        pin, minted = (answer.pin, minted + 1) if answer.cookie else (pin, minted)
    assert minted == 1
    renewed = [
        ask(proxy, FETCH, NOW + at, cookies=f"{session(NOW + 7 * DAY + at, iat=NOW + at)}; {pin}").cookie
        for at in range(1, 800, 10)
    ]
    assert not any(renewed), "an app that renews its token with each answer does not renew the pin with each"


def test_a_pin_that_changes_ends_no_earlier(proxy):
    """A link from another site moves a session: without the Strict cookie, whose token lasts for days."""
    pin = ask(proxy, LOAD, cookies=session(userId="ada")).pin
    moved = ask(proxy, {**LOAD, "sec-fetch-site": "cross-site"}, NOW + 60, cookies=f"{pin}; bg_update=1")
    assert (moved.version, moved.rule, moved.terms) == (NEW, "migrated", "surely")
    assert claims(moved.withheld)["exp"] == claims(pin)["exp"]


def test_a_log_out_leaves_a_visitors_pin(proxy):
    """Who logs out is not held for the rest of the token's days."""
    pin = ask(proxy, LOAD, cookies=session(userId="ada")).pin
    assert ask(proxy, {**LOAD, "sec-fetch-site": "cross-site"}, cookies=pin).cookie is None
    assert ask(proxy, {"accept": "text/html"}, cookies=pin).cookie is None, "who knows where it comes from"
    after = ask(proxy, FETCH, cookies=pin)
    assert (after.version, max_age(after.cookie)) == (OLD, 2700)
    assert "bound" not in claims(after.pin)
    assert ask(proxy, FETCH, cookies=after.pin).cookie is None


def moved_with_an_old_page(proxy: Proxy) -> str:
    """The pin of a visitor who has moved on, and has a page of the old version open: /old."""
    switch(proxy, "rest", migrate="navigation")
    pin = ask(proxy, LOAD, path="/old").pin
    switch(proxy, "draining", 2, migrate="navigation")
    moved = ask(proxy, LOAD, path="/new", cookies=pin)
    assert (moved.version, moved.rule) == (NEW, "migrated")
    return str(moved.withheld.partition(";")[0])


def test_a_visitor_who_logs_in_on_an_old_page_is_one_no_longer(proxy):
    pin = moved_with_an_old_page(proxy)
    sid = claims(pin)["sid"]
    fetch = {**FETCH, "referer": "https://x/old"}
    answer = ask(proxy, fetch, cookies=f"{session(userId='ada', sid='A' * 22)}; {pin}")
    assert (answer.version, answer.rule, claims(answer.pin)["sid"]) == (OLD, "page", "A" * 22)
    waiting = proxy.memory()["bg_outbox_visitorsqueue"]
    assert f"gone v {sid}" in waiting, "or a drain would wait for a visitor who is a session by now"


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_script_with_a_token_on_an_old_page_leaves_the_pin_whose_it_is(proxy, version):
    pin = moved_with_an_old_page(proxy)
    bearer = session(userId="ada", sid="A" * 22, deploymentVersion=version).partition("=")[2]
    headers = {**FETCH, "referer": "https://x/old", "authorization": f"Bearer {bearer}"}
    answer = ask(proxy, headers, cookies=pin)
    assert (answer.version, answer.rule) == (OLD, "page")
    assert answer.cookie is None or claims(answer.pin)["sid"] == claims(pin)["sid"]


def test_a_pin_holds_when_tokens_may_last_no_longer_as_long(proxy):
    """[tokens] longest is made shorter: the token is refused, and its browser stays where it is."""
    token = session(userId="ada")
    pin = ask(proxy, FETCH, cookies=token).pin
    proxy.settings[b"token_longest"] = DAY
    proxy.router[b"init"](proxy.settings)
    proxy.lua.runtime.execute(b'require("bg.routing.router").state_file:poll()')
    answer = ask(proxy, FETCH, cookies=f"{token}; {pin}")
    assert (answer.version, answer.rule) == (OLD, "pin")


@pytest.mark.threat(71)
@pytest.mark.parametrize(
    ("headers", "method", "gets"),
    [
        (LOAD, "GET", True),
        ({"accept": "text/html,*/*;q=0.8"}, "GET", True),
        ({**LOAD, "sec-fetch-dest": "iframe"}, "GET", True),
        ({**LOAD, "sec-purpose": "prefetch"}, "GET", True),
        ({**LOAD, "sec-fetch-site": "same-origin", "origin": "https://x"}, "POST", True),
        (FETCH, "GET", True),
        ({"accept": "*/*"}, "GET", False),
        ({}, "POST", False),
        ({**FETCH, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}, "GET", False),
        ({**FETCH, "sec-fetch-site": "cross-site"}, "GET", False),
        (FOREIGN, "POST", False),
        ({"accept": "text/html", "origin": "https://bank.example"}, "POST", False),
        ({"accept": "text/html", "origin": "null"}, "POST", False),
        ({"accept": "text/html", "origin": "https://x"}, "POST", True),
    ],
)
def test_71_a_pin_is_for_what_keeps_cookies(proxy, headers, method, gets):
    assert (ask(proxy, headers, method=method).cookie is not None) is gets
    if method == "GET":
        assert ask(proxy, headers, cookies="theme=dark").cookie is not None, "it brings a cookie"


@pytest.mark.threat(72)
def test_72_page_and_files_after_a_post_from_another_site_are_of_one_version(proxy):
    """A payment's return to a session of the old version, which drains."""
    pin = ask(proxy, LOAD, cookies=session(userId="ada")).pin
    own = f"{session(userId='ada')}; {pin}"
    page = ask(proxy, FOREIGN, method="POST", path="/return")
    assert (page.version, page.rule, page.cookie) == (NEW, "new", None)
    jar = f"{own}; {page.terms.partition(';')[0]}"
    assert page.terms.startswith("bg_page=")
    asset = {**FETCH, "referer": "https://x/return", "sec-fetch-dest": "style"}
    sheet = ask(proxy, asset, path="/a.css", cookies=jar)
    assert (sheet.version, sheet.rule, sheet.cookie) == (NEW, "page", None)
    font = ask(proxy, {**asset, "referer": "https://x/a.css"}, path="/a.woff", cookies=jar)
    assert (font.version, font.rule) == (NEW, "page")
    click = {**LOAD, "sec-fetch-site": "same-origin", "referer": "https://x/return"}
    assert ask(proxy, click, path="/next", cookies=jar).version == OLD, "the session is where it was"
    assert ask(proxy, {**FETCH, "referer": "https://x/next"}, cookies=jar).version == OLD


@pytest.mark.threat(72)
def test_72_a_moved_session_stays_moved(proxy):
    moved = ask(proxy, LOAD, cookies=f"{session(userId='ada')}; bg_update=1")
    assert (moved.version, moved.rule) == (NEW, "migrated")
    jar = f"{session(userId='ada')}; {moved.withheld.partition(';')[0]}"
    page = ask(proxy, FOREIGN, method="POST", path="/return")
    assert page.cookie is None
    assert ask(proxy, LOAD, cookies=f"{jar}; {page.terms.partition(';')[0]}").version == NEW


@pytest.mark.threat(72)
def test_72_who_has_no_pin_is_held_by_the_page(proxy):
    switch(proxy, "canary")
    versions = set()
    for number in range(40):
        page = ask(proxy, FOREIGN, method="POST", path=f"/{number}")
        given = page.terms.partition(";")[0]
        after = ask(proxy, LOAD, cookies=given)
        assert (after.version, after.rule) == (page.version, "pin")
        assert ask(proxy, FETCH, cookies=after.pin).version == page.version
        versions.add(page.version)
    assert versions == {OLD, NEW}


@pytest.mark.threat(72)
def test_72_with_one_version_no_page_needs_a_name(proxy):
    switch(proxy, "rest")
    page = ask(proxy, FOREIGN, method="POST")
    assert (page.cookie, page.terms) == (None, "login"), "a pin goes along with a log-in alone"


@pytest.mark.threat(74)
def test_74_a_pin_of_other_settings_does_not_fight(proxy):
    """Two cookies of one name, one of them stale: what is as [pin] says now counts, wherever it stands."""
    stale = ask(proxy, LOAD).pin
    assert claims(stale)["deploymentVersion"] == NEW
    proxy.settings[b"pin_domain"], proxy.settings[b"pin_jar"] = b"shop.example", b"lax/shop.example"
    kept = ask(proxy, FETCH, cookies=stale)
    assert kept.version == NEW, "the pin from before the change holds"
    assert "; Domain=shop.example; " in kept.cookie
    other = "bg_pin=" + token("pin", "bgctl-pin", sid="o", deploymentVersion=OLD, jar="lax/shop.example")
    for jar in (
        f"{stale}; {other}",
        f"{other}; {stale}",
        f"{other}; __Host-{stale}",
        f"__Host-{stale}; {other}",
    ):
        answer = ask(proxy, FETCH, cookies=jar)
        assert (answer.version, answer.rule) == (OLD, "pin"), jar
        assert answer.cookie is None or claims(answer.pin)["sid"] == "o"


@pytest.mark.threat(74)
def test_74_a_host_without_the_session_cookie_does_not_unbind_a_shared_pin(proxy):
    proxy.settings[b"pin_domain"], proxy.settings[b"pin_jar"] = b"shop.example", b"lax/shop.example"
    pin = ask(proxy, FETCH, cookies=session(userId="ada")).pin
    at_api = ask(proxy, {**FETCH, "sec-fetch-site": "same-site"}, cookies=pin)
    assert (at_api.version, at_api.cookie) == (OLD, None)


@pytest.mark.threat(73)
def test_73_a_pin_for_frames_has_the_attributes_for_it(proxy):
    proxy.settings[b"secure_cookies"], proxy.settings[b"pin_same_site"] = True, b"none"
    proxy.settings[b"pin_jar"] = b"none/"
    cookie = ask(proxy, {**LOAD, "sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}).cookie
    assert cookie.endswith("; HttpOnly; SameSite=None; Secure; Partitioned")


@pytest.mark.threat(74)
@pytest.mark.parametrize(
    ("secure", "pin", "prefix"),
    [
        ("true", "", "__Host-"),
        ("true", 'domain = "shop.example"', "__Secure-"),
        ("true", 'same_site = "none"', "__Host-"),
        ("false", "", ""),
        ("false", 'domain = "shop.example"', ""),
    ],
)
def test_74_what_bgctl_renders_names_the_cookies(lua, tmp_path, secure, pin, prefix):
    name = pin.partition(" = ")[0]
    text = EXAMPLE.replace("secure_cookies = true", f"secure_cookies = {secure}")
    text = re.sub(rf"^{name} = .*$", pin, text, flags=re.MULTILINE) if pin else text
    written = config.parse(text)
    (tmp_path / "settings.json").write_bytes(settings_json.render(written))
    settings = plain(lua.module("lib.settings")[b"load"](str(tmp_path / "settings.json").encode()))
    assert settings["pin_cookie"] == f"{prefix}bg_pin="
    assert settings["page_cookie"] == f"{prefix}bg_page="
    assert settings["preview_cookie"] == f"{prefix}bg_preview=" == f"{preview_link.stem(written)}_preview="
    assert settings.get("pin_jar") == ((pin and f"{written.pin.same_site}/{written.pin.domain}") or None)
    assert settings["key_headers"] == {1: {"name": "authorization", "variable": "http_authorization"}}


def test_each_node_of_a_swarm_has_a_proxy_of_its_own_name(lua, tmp_path):
    """They have one settings.json: what comes before the colon is the node's."""
    text = re.sub(r'engine = "\w+"', 'engine = "swarm"', EXAMPLE)
    (tmp_path / "settings.json").write_bytes(settings_json.render(config.parse(text)))
    assert json.loads((tmp_path / "settings.json").read_text())["proxy_name"] == ":8080"
    settings = plain(lua.module("lib.settings")[b"load"](str(tmp_path / "settings.json").encode()))
    assert settings["proxy_name"] == f"{socket.gethostname()}:8080"


KEYS = ["Basic dTpw", "Bearer opaque", "Bearer a.b.c.d.e", "Token 7f3Kq0-"]


@pytest.mark.threat(75)
@pytest.mark.parametrize("key", KEYS)
def test_75_a_client_with_a_key_keeps_its_version_over_a_switch(proxy, key):
    headers = {"authorization": key}
    switch(proxy, "rest")
    first = ask(proxy, headers)
    assert (first.version, first.rule, first.cookie, first.holder) == (OLD, "credential", None, None)
    switch(proxy, "draining", 2)
    held = ask(proxy, headers, NOW + 1700)
    assert (held.version, held.rule) == (OLD, "credential")
    assert held.holder["version"] == OLD, "it has come back: a drain waits for it"
    assert "user" not in held.holder
    assert ask(proxy, headers, NOW + 3400).version == OLD, "it slides"
    assert ask(proxy, {"authorization": key + "y"}, NOW + 3400).version == NEW, "another one is new"
    left = [{"from": OLD, "to": NEW, "generation": 3, "at": "2027-01-15T08:00:00Z"}]
    switch(proxy, "given up", 3, left)
    assert ask(proxy, headers, NOW + 3401).version == NEW
    switch(proxy, "draining", 4, left)
    assert ask(proxy, headers, NOW + 3402).version == NEW, "who has left does not come back"
    kept = proxy.memory()
    assert not [name for name in kept if key.split()[1] in name + str(kept[name])], "never the key itself"


@pytest.mark.threat(75)
def test_75_a_key_keeps_its_version_over_a_new_secret(proxy, tmp_path):
    switch(proxy, "rest")
    headers = {"authorization": "Basic dTpw"}
    ask(proxy, headers)
    switch(proxy, "draining", 2)
    (tmp_path / "pin.secret").write_bytes(b"n" * 40)
    for at in (NOW, NOW + 2):
        proxy.lua.module("tokens.credentials")[b"sync_keys"](at)
    assert [ask(proxy, headers, NOW + 3).version for _ in range(2)] == [OLD, OLD]
    (tmp_path / "pin.secret").write_bytes(b"m" * 40)
    for at in (NOW + 10, NOW + 12):
        proxy.lua.module("tokens.credentials")[b"sync_keys"](at)
    assert ask(proxy, headers, NOW + 13).version == OLD, "it was remembered anew"


@pytest.mark.threat(75)
def test_75_without_memory_one_key_has_one_draw(proxy):
    switch(proxy, "canary")
    versions: dict[str, int] = {}
    for number in range(60):
        answers = {
            ask(proxy, {"authorization": f"Basic {number}"}, NOW + day * DAY).version for day in range(3)
        }
        assert len(answers) == 1
        versions.setdefault(answers.pop(), number)
    assert set(versions) == {OLD, NEW}


@pytest.mark.threat(75)
def test_75_a_browser_with_a_password_gets_a_pin(proxy):
    switch(proxy, "canary")
    page = ask(proxy, {**LOAD, "authorization": "Basic dTpw"})
    assert page.rule == "new"
    assert ask(proxy, {**FETCH, "authorization": "Basic dTpw"}, cookies=page.pin).version == page.version


@pytest.mark.threat(75)
@pytest.mark.parametrize(("key", "counts"), [*((key, False) for key in KEYS), ("Bearer a.b.c", True)])
def test_75_an_opaque_credential_is_no_forgery(proxy, key, counts):
    def refused():
        return {name: count for name, count in proxy.memory().items() if "refused_tokens" in name}

    before = refused()
    ask(proxy, {"authorization": key})
    assert (refused() != before) is counts


@pytest.mark.threat(75)
def test_75_a_token_and_a_pin_outrank_it(proxy):
    pin = ask(proxy, LOAD).pin
    assert ask(proxy, {"authorization": "Basic dTpw"}, cookies=pin).rule == "pin"
    assert ask(proxy, {"authorization": "Basic dTpw"}, cookies=session()).rule == "token"


@pytest.mark.threat(67)
@pytest.mark.parametrize("pause", [1, 899, 900, 901, 1799])
def test_67_a_visitor_is_held_for_a_whole_pin_idle_after_the_last_request(proxy, pause):
    first = ask(proxy, LOAD).pin
    again = ask(proxy, LOAD, NOW + pause, cookies=first)
    kept = again.pin if again.cookie else first
    last = ask(proxy, LOAD, NOW + pause + 1799, cookies=kept)
    assert (again.rule, last.rule) == ("pin", "pin")
