"""What the proxy remembers of a session: when its newest token was issued (78), and whose it is (79)."""

from __future__ import annotations

import pytest

from tests.lua.support.luajit import NGINX_STUB, Lua, plain

NOW = 1_800_000_000


@pytest.fixture
def memory():
    """Our modules with as much of nginx as they need."""
    lua = Lua()
    lua.nginx = lua.runtime.execute(NGINX_STUB)  # sets the clock
    lua.nginx(NOW)
    lua.module("activity.recorder")[b"init"](lua.table({"held_every": 10, "active_window": 1800}))
    return lua


def note(lua, key, user, issued, version=b"1.6.7"):
    return lua.module("activity.recorder")[b"note"](key, user, NOW + 600, version, issued)


def put(lua, row):
    told = lua.module("activity.memory")[b"put"](row, 1800, 11)
    return plain(told[0]) if isinstance(told, tuple) else plain(told)


@pytest.mark.threat(78)
def test_78_a_row_says_when_the_newest_token_was_issued(memory):
    note(memory, b"s one", b"u1", NOW - 5)
    row = note(memory, b"s one", b"u1", NOW - 50)  # an older one is still in use
    assert row[b"iat"] == NOW - 5
    assert put(memory, row) == "news"
    known = plain(memory.module("activity.memory")[b"get"](b"s one"))
    assert (known["iat"], known["user"], known["exp"]) == (NOW - 5, "u1", NOW + 600)


@pytest.mark.threat(78)
def test_78_a_newer_token_is_news_and_an_older_one_takes_nothing_back(memory):
    def folded(issued):
        row = {
            "key": "s two",
            "user": "u 2\n",
            "exp": NOW + 600,
            "iat": issued,
            "version": "1.6.7",
            "seen": NOW,
        }
        said = put(memory, memory.table(row))
        return said, plain(memory.module("activity.memory")[b"get"](b"s two"))["iat"]

    assert folded(NOW - 50) == ("news", NOW - 50)
    assert folded(NOW - 50) == ("more", NOW - 50)
    assert folded(NOW - 5) == (
        "news",
        NOW - 5,
    )  # of another worker: told at once, or a log-out would outlast it
    assert folded(NOW - 50) == ("more", NOW - 5)
    assert plain(memory.module("activity.memory")[b"get"](b"s two"))["user"] == "u 2\n"


@pytest.mark.threat(79)
def test_79_two_users_of_one_sid_are_remembered_apart(memory):
    rules, seen = memory.module("lib.names"), memory.module("activity.memory")
    names = {bytes(rules[b"session"](b"web", user)) for user in (b"one", b"other", None)}
    assert len(names) == 3
    for name in names:
        put(memory, note(memory, rules[b"key"](name, b"u"), b"u", 0))
    assert len(plain(seen[b"keys"]())) >= 3


def folded(lua, ticks):
    """What shared memory has of the session after each of so many ticks: when it was last active."""
    seen = []
    for _ in range(ticks):
        lua.module("activity.recorder")[b"tick"]()
        row = lua.module("activity.memory")[b"get"](b"s one")
        seen.append(row and row[b"seen"])
    return seen


def test_a_new_session_is_folded_at_once_and_that_it_goes_on_as_often_as_that_is_told(memory):
    turn = memory.nginx
    note(memory, b"s one", b"u1", NOW)
    assert folded(memory, 1) == [NOW]
    turn(NOW + 3)
    note(memory, b"s one", b"u1", NOW)
    assert folded(memory, 8) == [NOW] * 7 + [NOW + 3], "nine ticks of ten"
    turn(NOW + 11)
    note(memory, b"s one", b"u1", NOW, b"1.6.8")
    assert folded(memory, 1) == [NOW + 11], "its version is news"


def test_who_has_gone_idle_is_noted_no_longer(memory):
    idle = memory.module("activity.recorder")[b"is_idle"]
    note(memory, b"s one", b"u1", NOW)
    folded(memory, 1)
    memory.nginx(NOW + 100)
    assert not idle(b"s one", 100, NOW + 100), "another worker may have seen it up to eleven seconds later"
    folded(memory, 8)
    memory.nginx(NOW + 111)
    assert idle(b"s one", 100, NOW + 111)
    note(memory, b"s one", b"u1", NOW)
    assert not idle(b"s one", 100, NOW + 111)
