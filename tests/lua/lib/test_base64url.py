"""base64url: canonical or refused (threat 10)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(max_size=200))
def test_what_is_encoded_is_read_back(lua, data):
    codec = lua.module("lib.base64url")
    text = base64.urlsafe_b64encode(data).rstrip(b"=")
    assert codec[b"encode"](data) == text
    assert codec[b"decode"](text) == data


@given(st.binary(max_size=60))
def test_each_value_has_one_spelling(lua, text):
    """Whatever decodes is exactly what encoding its value gives."""
    codec = lua.module("lib.base64url")
    data = codec[b"decode"](text)
    assert data is None or codec[b"encode"](data) == text


@pytest.mark.parametrize(
    "text", [b"aGk=", b"aG k", b"aGk\n", b"aGl", b"aR", b"a", b"a+/b", b"\x00\x00", b"aGk\x00"]
)
def test_padding_blanks_trailing_bits_and_the_other_alphabet_are_refused(lua, text):
    assert lua.module("lib.base64url")[b"decode"](text) is None
