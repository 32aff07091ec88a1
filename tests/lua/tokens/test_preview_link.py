"""A preview's link: what bgctl mints the proxy believes, as nothing else; and it leads nowhere but here."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import plain
from toolkit.errors import Refused
from toolkit.release import preview_link

NOW = 1_800_000_000
SECRET = b"s" * 43
SITE = "https://shop.example/_bgctl/preview"


def verify(lua, token, kid, issuer, now=NOW):
    """The version, or why not."""
    key = lua.module("lib.crypto")[b"key"](b"HS256", SECRET)
    keys, rules = (
        lua.runtime.table_from({kid.encode(): key}),
        lua.table({"issuer": issuer, "leeway": 0, "longest": float("inf")}),
    )
    said = lua.module("tokens.token")[b"verify"](token.encode(), keys, rules, now)
    return plain(said[1]) if isinstance(said, tuple) else plain(said[b"version"])


def mint(version="1.6.8", life=60.0):
    return preview_link.mint(SECRET, version, 7, datetime.fromtimestamp(NOW, UTC), life)


def test_what_bgctl_mints_the_proxy_believes(lua):
    token = mint()
    assert verify(lua, token, "preview", "bgctl-preview") == "1.6.8"
    assert verify(lua, token, "preview", "bgctl-preview", NOW + 60) == "1.6.8"
    assert verify(lua, token, "preview", "bgctl-preview", NOW + 61) == "expired"


def test_a_preview_is_no_pin_and_a_pin_no_preview(lua):
    """One secret, and neither name nor issuer of the other will do."""
    assert verify(lua, mint(), "pin", "bgctl-pin") == "unknown_kid"
    assert verify(lua, mint(), "preview", "bgctl-pin") == "issuer"
    place = lua.table({"sid": "s", "version": "1.6.8", "generation": 7})
    pin = lua.module("tokens.pin")[b"mint"](SECRET, place, NOW + 60, NOW).decode()
    assert verify(lua, pin, "preview", "bgctl-preview") == "unknown_kid"
    assert verify(lua, pin, "pin", "bgctl-preview") == "issuer"


@given(st.text(st.characters(max_codepoint=300), max_size=12) | st.from_regex(r"\A[/\\.a:%@?#\t ]{1,8}\Z"))
def test_bgctl_and_proxy_agree_on_what_is_a_path_and_it_leads_here(lua, text):
    text = f"/{text}" if len(text) % 2 else text
    is_path = lua.module("tokens.preview_link")[b"is_path"](text.encode())
    try:
        preview_link.check_path(text)
    except Refused:
        assert not is_path
        return
    assert is_path
    found = urlsplit(urljoin(SITE, text))
    assert (found.scheme, found.netloc) == ("https", "shop.example")


def answer(lua, known=None, reason=None, now=NOW, **ask):
    settings = lua.table({"preview_cookie": "__Host-bg_preview=", "secure_cookies": True})
    return plain(
        lua.module("tokens.preview_link")[b"answer"](settings, lua.table(ask), lua.table(known), reason, now)
    )


def test_the_link_leaves_a_cookie_for_as_long_as_it_is_good(lua):
    assert answer(lua, {"exp": NOW + 90}, token="a.b.c", to="/board?x=1") == {
        "status": 303,
        "location": "/board?x=1",
        "cookie": "__Host-bg_preview=a.b.c; Path=/; Max-Age=90; HttpOnly; SameSite=Lax; Secure",
    }
    assert answer(lua, {"exp": NOW + 90}, token="a.b.c")["location"] == "/"


def test_leaving_needs_no_token(lua):
    said = answer(lua, is_end=True)
    assert (said["status"], said["cookie"].partition(";")[0]) == (303, "__Host-bg_preview=")
    assert "Max-Age=0" in said["cookie"]


@pytest.mark.parametrize(
    ("reason", "status", "text"),
    [(b"expired", 403, "expired"), (b"retired", 404, "over"), (b"signature", 403, "no preview link")],
)
def test_a_bad_link_is_told_and_sets_nothing(lua, reason, status, text):
    said = answer(lua, None, reason, token="a.b.c")
    assert said["status"] == status
    assert text in said["text"]
    assert "cookie" not in said
    assert "location" not in said
