"""A container that is to stop leaves a mark, from which its workers know what to tell load balancers."""

from __future__ import annotations

import pytest

from tests.lua.support.luajit import NGINX_STUB, Lua


@pytest.fixture
def marked(tmp_path):
    """The module, and the file that is its mark."""
    lua = Lua()
    lua.runtime.execute(NGINX_STUB)(0)
    mark = tmp_path / "stopping"
    lua.runtime.execute(f"""
        local files = require("bg.lib.files")
        local read = files.read
        files.read = function(path)
            assert(path == "/tmp/stopping")
            return read("{mark}")
        end
    """)
    return lua, mark


def test_the_mark_is_seen_with_the_next_tick_and_holds(marked):
    lua, mark = marked
    stopping = lua.module("node.stopping")
    stopping[b"init"](lua.table({"follows_agent": True}))
    stopping[b"poll"]()
    assert not stopping[b"is_told"]()
    mark.touch()
    stopping[b"poll"]()
    assert stopping[b"is_told"]()
    mark.unlink()
    stopping[b"poll"]()
    assert stopping[b"is_told"](), "who is to stop does not come back"


def test_a_proxy_of_one_host_does_not_look(marked):
    lua, mark = marked
    mark.touch()
    stopping = lua.module("node.stopping")
    stopping[b"init"](lua.table({"follows_agent": False}))
    stopping[b"poll"]()
    assert not stopping[b"is_told"]()
