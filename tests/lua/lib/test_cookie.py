"""One cookie out of a header (threat 20: of two, the first counts)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

names = st.sampled_from([b"bg_session", b"bg_pin", b"xbg_pin", b"bg", b"other"])
values = st.text("abcXYZ019._-=", max_size=12).map(str.encode)


@given(st.lists(st.tuples(names, values), max_size=6), st.sampled_from([b"; ", b";"]))
def test_the_first_of_that_name(lua, pairs, glue):
    header = glue.join(name + b"=" + value for name, value in pairs)
    expected = next((value for name, value in pairs if name == b"bg_pin"), None)
    assert lua.module("lib.cookie")[b"get"](header, b"bg_pin=") == expected


@pytest.mark.parametrize(
    "header", [None, b"", b"bg_pin", b"xbg_pin=1", b"a=bg_pin", b"a=xbg_pin=1", b"a=b bg_pin=1", b";;;"]
)
def test_absent(lua, header):
    assert lua.module("lib.cookie")[b"get"](header, b"bg_pin=") is None


@given(st.binary(max_size=60))
def test_never_throws(lua, header):
    lua.module("lib.cookie")[b"get"](header, b"bg_pin=")
