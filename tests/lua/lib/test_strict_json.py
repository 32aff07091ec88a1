"""Strict JSON: we read what Python's parser reads and refuse what is ambiguous (threats 12, 13, 15, 41)."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import plain

scalars = (
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
documents = st.dictionaries(
    st.text(),
    st.recursive(scalars, lambda inner: st.dictionaries(st.text(), inner, max_size=4), max_leaves=8),
    max_size=6,
)


def read(lua, text):
    return lua.module("lib.strict_json")[b"object"](text)


@given(documents, st.booleans())
def test_reads_what_a_json_library_writes(lua, document, ascii_only):
    text = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert plain(read(lua, text)) == document


@given(st.binary(max_size=80))
def test_never_throws_and_never_reads_what_python_refuses(lua, text):
    if read(lua, text) is not None:
        json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":0x10}',
        b'{"a":01}',
        b'{"a":-01}',
        b'{"a":1.}',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":1}x',
        b'{"a":1} {}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":"\x00"}',
        b'{"a":"\n"}',
        b'{"a":"\\x41"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00"}',
        b'{"a":"\\ud800\\u0041"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        b"[1]",
        b"1",
        b"",
        b"null",
        b'{"a":tru}',
        b"{" * 5000,
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b'{"a":' + b"[" * 100000,
    ],
)
def test_refuses(lua, text):
    assert read(lua, text) is None


def test_depth_is_bounded_at_16(lua):
    assert read(lua, b'{"a":' * 16 + b"1" + b"}" * 16) is None
    assert read(lua, b'{"a":' * 15 + b"1" + b"}" * 15) is not None


def test_null_is_a_value_of_its_own(lua):
    same = lua.runtime.eval(b"rawequal")
    assert same(read(lua, b'{"a":null}')[b"a"], lua.module("lib.strict_json")[b"null"])


def test_a_number_beyond_a_double_is_infinite_not_an_error(lua):
    assert math.isinf(read(lua, b'{"a":1e400}')[b"a"])


def test_del_is_not_a_control_character(lua):
    assert read(lua, b'{"a":"x\x7fy"}')[b"a"] == b"x\x7fy"
