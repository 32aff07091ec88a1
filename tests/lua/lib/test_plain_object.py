"""The quick reader of claims reads nothing that the strict one refuses, and nothing else (threats 12, 13)."""

from __future__ import annotations

import json
import random

import pytest

from tests.lua.support.luajit import plain

COMPARE = b"""
local ffi = require("ffi")
local plain_object, strict_json = require("bg.lib.plain_object"), require("bg.lib.strict_json")
local into, bytes = {}, ffi.new("unsigned char[?]", 10000)
ffi.fill(bytes, 10000, 0x65) -- what lies behind a text must not be read
return function(text)
    ffi.copy(bytes, text, #text)
    local quick, strict = plain_object.read(bytes, #text, into), strict_json.object(text, true)
    return quick, into, strict
end
"""
USUAL = {
    "iss": "bgctl",
    "sub": "u-1",
    "sid": "s" * 22,
    "iat": 1_800_000_000,
    "exp": 1_800_086_400,
    "deploymentVersion": "1.6.7",
    "deploymentGeneration": 12,
    "bound": True,
    "admin": False,
}
PIECES = ['"', "\\", "{", "}", "[", "]", ":", ",", "0", "1", "9", "-", ".", "e", "true", "false", "null", " "]
PIECES += [
    "\x00",
    "\x1f",
    "\x7f",
    "\n",
    "é",
    "a",
    '"a"',
    '"a":1',
    "tru",
    "falsf",
    '"":""',
    "123456789012345678",
]
MUTANTS = 20_000


@pytest.fixture(scope="module")
def compare(lua):
    read = lua.runtime.execute(COMPARE)

    def compared(text: bytes) -> bool:
        """Whether the quick reader has read it; the strict one then reads the very same."""
        quick, members, strict = read(text)
        if quick:
            assert strict is not None, text
            assert plain(members) == plain(strict), text
        return bool(quick)

    return compared


def compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def test_reads_what_most_tokens_say(compare):
    assert compare(compact(USUAL).encode())
    for name, value in USUAL.items():
        assert compare(compact({name: value}).encode())


def test_whatever_is_changed_in_a_text_it_never_reads_more(compare):
    """Bytes taken out, put in, replaced and doubled; about a quarter of all can still be read."""
    chance, read = random.Random(86), 0
    for _ in range(MUTANTS):
        members = chance.sample(list(USUAL.items()), chance.randrange(len(USUAL) + 1))
        text = compact(dict(members))
        for _ in range(chance.choice([0, 1, 1, 2])):
            at, length = chance.randrange(len(text) + 1), chance.choice([0, 0, 1, 2, 9])
            text = text[:at] + chance.choice([*PIECES, "", text[at : at + 9] * 2]) + text[at + length :]
        read += compare(text.encode())
    assert read > MUTANTS // 10


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_text_that_ends_early_is_not_read(compare, cut):
    text = compact({"a": True, "b": False, "c": "x", "d": 123}).encode()
    assert not compare(text[:-cut])


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ('{"a":999999999999999}', True),
        ('{"a":9999999999999999}', False),
        ('{"a":9007199254740993}', False),
        ('{"a":0}', False),
        ('{"a":01}', False),
        ('{"a":10}', True),
        ("{}", False),
        ('{"a":"","":"x"}', True),
        ('{"a":1,"a":2}', False),
        ('{"a":false,"a":2}', False),
        ('{"a":"~ "}', True),
        ('{"a":"\x7f"}', False),
        ('{"a":"\\n"}', False),
        ('{"a" :1}', False),
        ("{" + ",".join(f'"k{number}":{number + 1}' for number in range(24)) + "}", True),
        ("{" + ",".join(f'"k{number}":{number + 1}' for number in range(25)) + "}", False),
    ],
)
def test_what_is_not_plain_is_left_to_the_strict_reader(compare, text, is_read):
    assert compare(text.encode()) == is_read
