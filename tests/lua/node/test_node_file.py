"""node.json as the proxy reads it: what holds, and what is refused so that the last good one holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import NGINX_STUB, Lua, plain
from toolkit.files import node_file
from toolkit.state.node import Node

members = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
documents = members.map(lambda value: json.dumps({"drain": value, "why": value}).encode())


@pytest.fixture(scope="module")
def lua() -> Lua:
    one = Lua()
    one.runtime.execute(NGINX_STUB)(0)
    return one


def parse(lua: Lua, text: bytes):
    found = lua.module("node.node_file")[b"parse"](text)
    return plain(found) if not isinstance(found, tuple) else (found[0], plain(found[1]))


def test_what_bgctl_writes_is_what_the_proxy_reads(lua: Lua, tmp_path: Path) -> None:
    for said in (Node(), Node(True, "2026-01-15T10:30:00Z", "new kernel")):
        node_file.write(tmp_path, said)
        found = parse(lua, (tmp_path / node_file.NAME).read_bytes())
        assert found["is_drained"] == said.drain
        assert (found.get("since"), found.get("why")) == (said.since, said.why)


def test_without_a_file_the_node_takes_traffic(lua: Lua) -> None:
    assert parse(lua, b"") == parse(lua, b"{}") == {"is_drained": False}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"drain": tru', "not a strict JSON object"),
        (b"[]", "not a strict JSON object"),
        (b'{"drain": "true"}', "drain is not true or false"),
        (b'{"drain": 1}', "drain is not true or false"),
        (b'{"heardFor": true}', "heardFor is not a number"),
        (b'{"drain": true, "since": 5}', "since is not text"),
        (b'{"drain": true, "why": {}}', "why is not text"),
        (b'{"drain": true, "leave": "1"}', "leave is not a number"),
    ],
)
def test_what_is_malformed_is_refused_and_named(lua: Lua, text: bytes, why: str) -> None:
    assert parse(lua, text) == (None, why)


@pytest.mark.threat(63)
@given(st.binary(max_size=60) | documents)
def test_63_garbage_never_throws(lua: Lua, text: bytes) -> None:
    parse(lua, text)


@pytest.mark.threat(41)
def test_41_the_last_good_one_holds(tmp_path: Path) -> None:
    lua = Lua()
    lua.runtime.execute(NGINX_STUB)(0)
    path = tmp_path / node_file.NAME
    watched = lua.module("node.node_file")
    watched[b"init"](lua.table({"node_file": str(path)}))

    def said() -> tuple[bool, str | None]:
        watched[b"poll"]()
        return plain(watched[b"said"]())["is_drained"], plain(watched[b"fault"]())

    assert said() == (False, None), "there is none"
    path.write_text('{"drain": true}')
    assert said() == (True, None)
    path.write_text('{"drain": fal')
    assert said() == (True, "not a strict JSON object")
    path.write_text('{"drain": false}')
    assert said() == (False, None)
    path.write_text('{"drain": true}')
    assert said() == (True, None)
    path.unlink()
    assert said() == (False, None), "it is gone"
