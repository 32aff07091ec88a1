"""What an answer does to the app's session cookie, as frameworks write it."""

from __future__ import annotations

import pytest

from tests.lua.support.luajit import Lua, plain

NOW = 1_800_000_000  # 2027-01-15


@pytest.fixture(scope="module")
def lua():
    return Lua()


def value(lua, lines):
    return plain(lua.module("lib.set_cookie")[b"value"](lua.table(lines), b"sessionid", NOW))


SET = [
    "sessionid=abc; expires=Fri, 29 Jan 2027 08:00:00 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax",
    "sessionid=abc; Secure; HttpOnly; Path=/",
    "sessionid=abc",
    "sessionid = abc ;path=/",
    "sessionid=abc; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "sessionid=abc; expires=whenever",
    "sessionid=abc; max-age=soon",
    "sessionid=abc; Expires=Fri, 15-Jan-27 08:00:01 GMT",
    "sessionid=abc; Expires=Fri Jan 15 08:00:01 2027",
]
CLEARED = [
    'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax',
    "sessionid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/",
    "sessionid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "sessionid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/",
    "sessionid=abc; max-age=-1",
    "sessionid=abc; expires=Fri, 15-Jan-27 08:00:00 GMT",
    "sessionid=abc; expires=Sunday, 06-Nov-94 08:49:37 GMT",
    "sessionid=abc; expires=Sun Nov  6 08:49:37 1994",
    "sessionid=",
]


@pytest.mark.parametrize("line", SET)
def test_set(lua, line):
    assert value(lua, line) == "abc"
    assert value(lua, ["csrftoken=x; Path=/", line]) == "abc"


@pytest.mark.parametrize("line", CLEARED)
def test_cleared(lua, line):
    assert value(lua, line) == ""


@pytest.mark.parametrize(
    "lines",
    [None, "", "other=abc", "xsessionid=abc", "sessionidx=abc", "sessionid", ";", "=abc", "a=sessionid=b"],
)
def test_not_named(lua, lines):
    assert value(lua, lines) is None


def test_one_that_is_set_on_one_path_and_cleared_on_others_is_set(lua):
    assert value(lua, [CLEARED[0], SET[2], CLEARED[1]]) == "abc"
    assert value(lua, ["sessionid=old", "sessionid=new"]) == "new"
