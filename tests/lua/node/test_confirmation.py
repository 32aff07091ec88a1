"""A proxy of several hosts goes by its state.json when its agent has asked Redis since the proxy began."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.lua.support.luajit import NGINX_STUB, Lua, plain
from tests.lua.support.states import document

BEGAN = 1768473000.123
TAKES = {"version": "1.6.7", "state": "ready", "weight": 100}
OUT = {"version": None, "state": "maint", "weight": 0}
OPEN = b"""
local settings, began = ...
package.loaded["bg.figures.figures"] = { started_at = function() return began end }
for _, name in ipairs({ "bg.node.node_file", "bg.node.confirmation" }) do
    package.loaded[name] = nil
end
local files, hot_file = require("bg.lib.files"), require("bg.lib.hot_file")
local node_file, confirmation = require("bg.node.node_file"), require("bg.node.confirmation")
local file = hot_file.new("state.json", function() return files.read(settings.state_file) end,
    require("bg.routing.routing_table").parse)
node_file.init(settings)
confirmation.init(settings, file)
return {
    poll = function() node_file.poll() return file:poll() end,
    file = file,
    is_given = confirmation.is_given,
}
"""


class Started:
    """A proxy that has begun with this folder."""

    def __init__(self, folder: Path, *, follows: bool = True) -> None:
        self._lua = Lua()
        self._lua.runtime.execute(NGINX_STUB)(0)
        files = {name: str(folder / name.replace("_file", ".json")) for name in ("state_file", "node_file")}
        self._settings = files | {"follows_agent": follows}
        self.reload()

    def reload(self) -> None:
        """A new worker begins, with the shared memory of those before."""
        self._proxy = self._lua.runtime.execute(OPEN, self._lua.table(self._settings), BEGAN)
        self.poll()

    def poll(self) -> bool:
        return bool(self._proxy[b"poll"]())

    def read(self) -> bytes:
        return bytes(self._proxy[b"file"][b"read"]())

    def parse(self, text: bytes) -> Any:
        return plain(self._proxy[b"file"][b"parse"](text))

    @property
    def is_given(self) -> bool:
        return bool(self._proxy[b"is_given"]())

    @property
    def routing(self) -> Any:
        return plain(self._proxy[b"file"][b"value"])


def said(folder: Path, text: object) -> None:
    (folder / "node.json").write_text(json.dumps(text))


def written(folder: Path, version: str = "1.6.7") -> None:
    (folder / "state.json").write_text(json.dumps(document({**TAKES, "version": version}, OUT)))


def test_on_one_host_it_goes_by_its_file_at_once(tmp_path: Path) -> None:
    written(tmp_path)
    assert Started(tmp_path, follows=False).routing["slots"]["blue"]["version"] == "1.6.7"


def test_until_the_agent_says_so_nothing_is_served_and_requests_are_held(tmp_path: Path) -> None:
    written(tmp_path)
    said(tmp_path, {"heardFor": BEGAN - 60})  # the word for the proxy before this one
    proxy = Started(tmp_path)
    assert not proxy.is_given
    routing = proxy.routing
    assert routing["generation"] == 0, "no switch is in force here"
    assert routing["gate"] == {"mode": "pause", "ends": BEGAN + 10}
    assert {slot["state"] for slot in routing["slots"].values()} == {"maint"}
    assert not routing["by_version"]
    written(tmp_path, "1.6.8")
    said(tmp_path, {"heardFor": BEGAN})
    assert proxy.poll()
    assert proxy.is_given
    assert proxy.routing["slots"]["blue"]["version"] == "1.6.8"


def test_the_word_may_come_to_another_worker_between_two_steps_of_this_one(tmp_path: Path) -> None:
    written(tmp_path)
    proxy = Started(tmp_path)
    text = proxy.read()
    said(tmp_path, {"heardFor": BEGAN})
    proxy.reload()
    assert proxy.is_given
    assert proxy.parse(text)["generation"] == 0, "it is no state.json, and none is refused"


def test_once_given_the_word_holds_for_the_life_of_the_proxy(tmp_path: Path) -> None:
    written(tmp_path)
    said(tmp_path, {"heardFor": BEGAN})
    proxy = Started(tmp_path)
    (tmp_path / "node.json").unlink()
    proxy.poll()
    assert proxy.is_given
    assert proxy.routing["slots"]["blue"]["version"] == "1.6.7"


def test_workers_that_follow_a_reload_need_no_word_of_their_own(tmp_path: Path) -> None:
    written(tmp_path)
    said(tmp_path, {"heardFor": BEGAN})
    proxy = Started(tmp_path)
    (tmp_path / "node.json").write_text("{")
    proxy.reload()
    assert proxy.is_given


def test_a_word_that_went_through_json_is_for_the_same_proxy(tmp_path: Path) -> None:
    """cjson writes 14 digits of it, and the agent's library the shortest form."""
    written(tmp_path)
    said(tmp_path, {"heardFor": float(f"{BEGAN:.14g}")})
    assert Started(tmp_path).is_given
    said(tmp_path, {"heardFor": BEGAN + 0.001})
    assert not Started(tmp_path).is_given, "another one began a millisecond later"


def test_there_may_be_no_state_yet(tmp_path: Path) -> None:
    said(tmp_path, {"heardFor": BEGAN})
    proxy = Started(tmp_path)
    state = proxy.routing
    assert state is None
    written(tmp_path)
    assert proxy.poll()
    assert proxy.routing["slots"]["blue"]["version"] == "1.6.7"
