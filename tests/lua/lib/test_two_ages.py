"""What is remembered, and how much of it."""

from __future__ import annotations

from tests.lua.support.luajit import Lua


def remembered(lua: Lua, most: int, most_bytes: int | None = None):
    made = lua.module("lib.two_ages")[b"new"](most, most_bytes)
    return (lambda name, value: made[b"set"](made, name, value)), (lambda name: made[b"get"](made, name))


def test_half_of_the_most_is_always_remembered(lua):
    put, get = remembered(lua, 10)
    for number in range(100):
        put(b"%d" % number, number)
        assert [get(b"%d" % n) for n in range(max(0, number - 4), number + 1)] == [
            *range(max(0, number - 4), number + 1)
        ]
    assert sum(get(b"%d" % number) is not None for number in range(100)) <= 10


def test_what_is_asked_for_again_and_again_stays(lua):
    put, get = remembered(lua, 10)
    put(b"dear", 1)
    for number in range(100):
        put(b"%d" % number, number)
        assert get(b"dear") == 1


def test_a_later_value_replaces_an_older_one(lua):
    put, get = remembered(lua, 2)
    put(b"a", 1)
    put(b"b", 2)
    put(b"a", 3)
    assert get(b"a") == 3
    assert get(b"nothing") is None


def test_long_texts_are_bounded_by_their_bytes(lua):
    put, get = remembered(lua, 1000, 100)
    for number in range(50):
        put(b"%010d" % number, number)
    kept = [number for number in range(50) if get(b"%010d" % number) is not None]
    assert 5 <= len(kept) <= 10
    assert kept[-1] == 49


def test_what_is_dropped_is_forgotten_at_either_age(lua):
    made = lua.module("lib.two_ages")[b"new"](4)
    for name in (b"a", b"b", b"c"):  # the first two are old by then
        made[b"set"](made, name, 1)
    for name in (b"a", b"c", b"never"):
        made[b"drop"](made, name)
        assert made[b"get"](made, name) is None
    assert made[b"get"](made, b"b") == 1
