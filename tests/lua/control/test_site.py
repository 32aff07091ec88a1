"""Which site a host belongs to, for explain: as nginx chooses a server by its names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lua.support.luajit import Lua, plain

SITES: list[dict[str, Any]] = [
    {"hosts": ["shop.example", "*.shop.example"], "routes": [{"service": "shop"}]},
    {"hosts": ["a.shop.example"], "routes": [{"service": "a"}]},
    {"hosts": ["*.deep.shop.example"], "routes": [{"service": "deep"}]},
    {"hosts": ["wiki.example"], "routes": [], "neighbour": "wiki"},
]


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("shop.example", "shop.example"),
        ("SHOP.Example:8443", "shop.example"),
        ("shop.example.", "shop.example"),
        ("shop.example.:80", "shop.example"),
        ("b.shop.example", "*.shop.example"),
        ("c.b.shop.example", "*.shop.example"),
        ("a.shop.example", "a.shop.example"),
        ("x.deep.shop.example", "*.deep.shop.example"),
        ("deep.shop.example", "*.shop.example"),
        (".shop.example", None),
        ("xshop.example", None),
        ("example", None),
        ("127.0.0.1:8080", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("unknown", ["serve", "refuse"])
def test_the_site_of_a_host(lua: Lua, host: str | None, name: str | None, unknown: str) -> None:
    settings = lua.table({"sites": SITES, "routes": [{"service": "rest"}], "unknown_hosts": unknown})
    site, by = lua.module("control.site")[b"find"](settings, host.encode() if host is not None else None)
    assert (plain(by) if by else None) == name
    known = next((each for each in SITES if name in each["hosts"]), None)
    if known and known.get("neighbour"):
        assert plain(site[b"neighbour"]) == "wiki"
    else:
        assert plain(site[b"routes"][1][b"service"]) == (known["routes"][0]["service"] if known else "rest")
    assert bool(site[b"refused"]) is (known is None and unknown == "refuse")
