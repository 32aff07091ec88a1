"""Whether a version has a file, and which kept file a request may have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lua.support.luajit import NGINX_STUB, Lua, plain
from toolkit.slots import kept_list

ASKING = b"""
local answers, asked = {}, {}
package.loaded["bg.lib.http"] = {
    request = function(_, target) return target end,
    ask = function(address, target)
        asked[#asked + 1] = address .. target
        local found = answers[address .. target]
        local head = found and "HTTP/1.1 200\\r\\nContent-Type: " .. found[2] .. "\\r\\n"
        return found and { status = found[1], head = head }
    end,
}
return answers, asked, require("bg.assets.presence")
"""
PLACE = {"blue": "b", "green": "g", "host": "h", "scheme": "https", "folders": ["/assets/"]}
BLUE = {"name": "blue", "version": "1"}
NOWHERE = "b/assets/bgctl-no-such-file-0.js"
PAGE, SCRIPT = [200, "text/html; charset=utf-8"], [200, "text/javascript"]


@pytest.fixture
def lua() -> Lua:
    made = Lua()
    made.runtime.execute(NGINX_STUB)
    return made


def is_missing(lua: Lua, presence: object, path: str) -> bool:
    place, slot = lua.table(PLACE), lua.table(BLUE)
    return bool(presence[b"is_missing"](place, b"web", slot, b"/assets/", path.encode()))  # type: ignore[index]


def test_a_version_that_says_404_is_not_asked_for_each_file(lua: Lua) -> None:
    answers, asked, presence = lua.runtime.execute(ASKING)
    answers[NOWHERE.encode()] = lua.table([404, "text/plain"])
    assert not is_missing(lua, presence, "/assets/a.js")
    assert not is_missing(lua, presence, "/assets/b.js")
    assert list(plain(asked).values()) == [NOWHERE]


def test_one_that_answers_with_its_page_is_asked_once_for_each_file(lua: Lua) -> None:
    answers, asked, presence = lua.runtime.execute(ASKING)
    for path, found in {NOWHERE: PAGE, "b/assets/a.js": SCRIPT, "b/assets/old.js": PAGE}.items():
        answers[path.encode()] = lua.table(found)
    for _ in range(2):
        assert not is_missing(lua, presence, "/assets/a.js")
        assert is_missing(lua, presence, "/assets/old.js")
    assert list(plain(asked).values()) == [NOWHERE, "b/assets/a.js", "b/assets/old.js"]


@pytest.mark.parametrize("found", [None, [500, "text/html"], [403, "text/html"], [301, "text/html"], SCRIPT])
def test_what_nobody_can_say_is_left_to_the_app(lua: Lua, found: list[object] | None) -> None:
    answers, _, presence = lua.runtime.execute(ASKING)
    if found:
        answers[NOWHERE.encode()] = lua.table(found)
    assert not is_missing(lua, presence, "/assets/a.js")


@pytest.mark.parametrize(
    ("path", "is_page"),
    [("/a/x.js", False), ("/a/x", True), ("/a/x.HTML", True), ("/a/x.htm", True), ("/a.b/", True)],
)
def test_a_page_is_no_file(lua: Lua, path: str, is_page: bool) -> None:
    _, _, presence = lua.runtime.execute(ASKING)
    assert presence[b"is_page"](path.encode()) is is_page


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ('{"versions":[]}', True),
        ('{"versions":[{"version":"1","notes":[["",""]],"files":{"/a/x.js":1}}]}', True),
        ('{"versions":[{"version":"1","files":{"/a/x.js":1}}]}', False),
        ('{"versions":[{"version":1,"files":{}}]}', False),
        ('{"versions":[3]}', False),
        ('{"versions":"x"}', False),
        ("[]", False),
        ("", False),
    ],
)
def test_a_list_that_is_none_is_refused(lua: Lua, text: str, good: bool) -> None:
    found = lua.module("assets.kept")[b"parse"](text.encode())
    assert (found[0] if isinstance(found, tuple) else found) is not None or not good
    if not good:
        assert found[0] is None
        assert found[1]


def test_the_newest_version_that_has_it_is_sent_and_nothing_that_is_not_listed(lua: Lua) -> None:
    versions = [
        {"version": "2", "notes": [["t", "c"]], "files": {"/a/new.js": 1, "/a/both.js": 1}},
        {
            "version": "1",
            "notes": [["t", "c"], ["text/javascript", "public"]],
            "files": {"/a/old.js": 2, "/a/both.js": 1, "/a/odd.js": 3},
        },
    ]
    lua.runtime.globals()[b"said"] = json.dumps({"versions": versions}).encode()
    lua.runtime.execute(b"""package.loaded["bg.lib.files"] = { reader = function(path)
        asked = path
        return function() return said end
    end }""")
    kept = lua.module("assets.kept")
    kept[b"init"](lua.table({"assets": {"web": {"kept": True}, "api": {"kept": False}}}))
    assert lua.runtime.globals()[b"asked"] == b"/copied-files/web/kept.json"
    lua.runtime.execute(b"ngx.now = function() return 10 end")
    assert kept[b"find"](b"web", b"/a/both.js")[0] == b"2"
    version, noted = kept[b"find"](b"web", b"/a/old.js")
    assert (version, plain(noted)) == (b"1", {1: "text/javascript", 2: "public"})
    for path in (b"/a/../a/old.js", b"/a/OLD.js", b"/a/", b"", b"/a/.kept.json", b"/a/odd.js"):
        assert kept[b"find"](b"web", path) is None
    assert kept[b"find"](b"api", b"/a/old.js") is None


def test_the_list_that_bgctl_writes_is_read_once_for_as_long_as_it_is_the_same(
    lua: Lua, tmp_path: Path
) -> None:
    """It may be large. Its first letters have the digest of the rest."""
    path = tmp_path / "kept.json"
    read = lua.module("lib.files")[b"reader"](str(path).encode(), 80)
    assert read()[0] is None
    path.write_bytes(b"a" * 80 + b"one")
    assert read() == b"a" * 80 + b"one"
    path.write_bytes(b"a" * 80 + b"two")
    assert read() == b"a" * 80 + b"one", "it was not read again"
    path.write_bytes(b"b" * 80 + b"two")
    assert read() == b"b" * 80 + b"two"
    path.write_bytes(b"")
    assert read() == b""
    path.unlink()
    assert read()[0] is None
    path.write_bytes(b"b" * 80 + b"new")
    assert read() == b"b" * 80 + b"new"
    assert kept_list.BEGINS <= 80
