"""Page loads, what may refer, and who refers: headers as browsers send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

LOAD = {"mode": "navigate", "destination": "document"}
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def request(lua, **headers):
    """A request as bg.phases gives it: a function for each header; GET unless told."""
    said = {"method": "GET", **headers}
    names = ("method", "mode", "destination", "purpose", "accept", "referer", "host")
    text = "".join(f"{name} = function() return values.{name} end, " for name in names)
    make = lua.runtime.execute(f"return function(values) return {{ {text} }} end".encode())
    return make(lua.table(said))


@pytest.mark.parametrize(
    ("headers", "is_load"),
    [
        (LOAD, True),
        ({"mode": "navigate"}, True),
        ({"accept": HTML}, True),
        ({**LOAD, "method": "POST"}, False),
        ({**LOAD, "method": "HEAD"}, False),
        ({**LOAD, "destination": "iframe"}, False),
        ({**LOAD, "purpose": "prefetch"}, False),
        ({**LOAD, "purpose": "prefetch;prerender"}, False),
        ({"mode": "cors", "destination": "empty", "accept": HTML}, False),
        ({"mode": "no-cors", "destination": "style", "accept": "text/css,*/*;q=0.1"}, False),
        ({"mode": "websocket", "destination": "websocket"}, False),
        ({"accept": "*/*"}, False),
        ({"accept": "application/json"}, False),
        ({}, False),
    ],
)
def test_what_loads_a_page(lua, headers, is_load):
    assert lua.module("routing.navigation")[b"is_load"](request(lua, **headers)) is is_load


@pytest.mark.parametrize(
    ("referer", "path"),
    [
        ("https://app.example/notes?page=2", b"/notes?page=2"),
        ("https://app.example/", b"/"),
        ("https://app.example", b"/"),
        ("http://app.example/a#b", b"/a"),
        ("https://app.example?x", b"/?x"),
        ("https://app.example.evil/notes", None),
        ("https://evil@app.example/notes", None),
        ("https://app.example:8443/notes", None),
        ("about:client", None),
        ("", None),
        (None, None),
    ],
)
def test_the_referrer_is_a_page_of_this_very_site(lua, referer, path):
    asked = request(lua, referer=referer, host="app.example")
    assert lua.module("routing.navigation")[b"referrer"](asked) == path


@pytest.mark.threat(63)
@given(st.text(), st.text(), st.sampled_from(["GET", "POST"]), st.none() | st.text())
def test_63_no_header_makes_it_throw(lua, referer, host, method, word):
    asked = request(
        lua, method=method, referer=referer, host=host, mode=word, destination=word, purpose=word, accept=word
    )
    page = lua.module("routing.navigation")
    assert page[b"is_load"](asked) in (True, False)
    assert page[b"may_refer"](asked) in (True, False)
    page[b"referrer"](asked)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("knows_all", [True, False])
@pytest.mark.parametrize("idle", [True, False])
@pytest.mark.parametrize("mode", [b"never", b"idle", b"navigation"])
def test_who_may_move_with_a_page_load(lua, mode, asked, knows_all, idle):
    """Who has asked, always; by itself only with all pages known, and as the operator has it."""
    allowed = asked or (knows_all and (mode == b"navigation" or (mode == b"idle" and idle)))
    is_idle = lua.runtime.eval(b"function() return true end" if idle else b"function() return false end")
    refusal = lua.module("routing.migration")[b"refusal"](mode, asked, knows_all, is_idle)
    assert (refusal is None) is allowed
