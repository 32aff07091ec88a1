"""Each node makes its own settings of those that all have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lua.support.luajit import Lua, plain
from tests.unit.toolkit.rendering.test_spares import HOSTS
from tests.unit.toolkit.support.rendered import CONFIG
from toolkit.rendering import settings_json


def seen_by(lua: Lua, node: str, hosts: Any = HOSTS) -> dict[str, Any]:
    text = settings_json.render(CONFIG, hosts=hosts)
    settings = lua.module("lib.strict_json")[b"object"](text.encode() if isinstance(text, str) else text)
    lua.module("lib.own_peers")[b"take"](settings, node.encode())
    return as_lists(plain(settings))


def as_lists(found: Any) -> Any:
    """With lists for Lua's, which are tables with the keys 1, 2, 3."""
    if not isinstance(found, dict):
        return found
    values = [as_lists(each) for each in found.values()]
    return (
        values
        if found and all(isinstance(key, int) for key in found)
        else dict(zip(found, values, strict=True))
    )


def of(peers: list[dict[str, Any]], slot: str) -> list[tuple[str | None, str]]:
    return [(peer.get("node"), peer["address"]) for peer in peers if peer["slot"] == slot]


def test_a_node_asks_its_own_slots_at_its_address_and_the_others_as_spares(lua: Lua) -> None:
    found = seen_by(lua, "web2")
    assert found["replicas"]["frontend"] == {"blue": ["10.0.0.2:8081"], "green": ["10.0.0.2:8083"]}
    spares = found["spares"]["frontend"]["green"]
    assert [each["node"] for each in spares] == ["web1", "web3"]
    expected = [(None, "10.0.0.2:8081"), ("web1", "10.0.0.1:8081"), ("web3", "[fd00::3]:8081")]
    assert of(found["peers"], "blue") == expected


@pytest.mark.parametrize("hosts", [HOSTS, HOSTS[:1], []])
def test_one_that_they_do_not_name_keeps_those_of_bgctl_toml(lua: Lua, hosts: Any) -> None:
    found = seen_by(lua, "web9", hosts)
    assert of(found["peers"], "blue")[0] == (None, "127.0.0.1:8081")
    if len(hosts) > 1:
        assert found["replicas"]["frontend"]["blue"] == ["127.0.0.1:8081"]
        assert len(found["spares"]["frontend"]["blue"]) == 3
