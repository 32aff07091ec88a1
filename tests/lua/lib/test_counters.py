"""Counters and reasons: what is counted is exported, and nothing else can be counted."""

from __future__ import annotations

import re

import lupa.luajit21 as lupa
import pytest

from tests.lua.support.luajit import LUA, NGINX_STUB, Lua, plain

DOCS = LUA.parent / "docs"
SOURCES = {path: path.read_text() for path in (LUA / "bg").rglob("*.lua")}


@pytest.fixture
def nginx() -> Lua:
    one = Lua()
    one.runtime.execute(NGINX_STUB)
    return one


def test_every_counter_that_a_module_names_is_in_the_table(nginx):
    known = set(plain(nginx.module("lib.counters")[b"COUNTERS"]))
    named = {name for text in SOURCES.values() for name in re.findall(r'counters\.series\(\s*"(\w+)"', text)}
    assert named == known


def test_a_counter_that_is_not_in_the_table_cannot_be_made(nginx):
    series = nginx.module("lib.counters")[b"series"]
    with pytest.raises(lupa.LuaError, match="there is no counter bgctl_other_total"):
        series(b"bgctl_other_total")
    with pytest.raises(lupa.LuaError, match="other labels"):
        series(b"bgctl_errors_total")
    with pytest.raises(lupa.LuaError, match="other labels"):
        series(b"bgctl_pins_total", b"blue")


def test_what_is_counted_is_exported(nginx):
    counters = nginx.module("lib.counters")
    for name, (_, *labels) in ((name, row.values()) for name, row in plain(counters[b"COUNTERS"]).items()):
        counters[b"add"](counters[b"series"](name.encode(), *[b"x"] * len(labels)), 3)
    counters[b"fold"]()
    text = plain(counters[b"text"]())
    for name, (explained, *labels) in (
        (name, row.values()) for name, row in plain(counters[b"COUNTERS"]).items()
    ):
        shown = "{" + ",".join(f'{label}="x"' for label in labels) + "}" if labels else ""
        assert f"# HELP {name} {explained}\n# TYPE {name} counter\n{name}{shown} 3\n" in text


def test_every_counter_is_documented(nginx):
    metrics = (DOCS / "metrics.md").read_text()
    assert not [
        name for name in plain(nginx.module("lib.counters")[b"COUNTERS"]) if f"`{name}`" not in metrics
    ]


def test_routing_gives_the_reasons_that_there_are_and_no_others(nginx):
    all_reasons = set(plain(nginx.module("lib.reasons")[b"ALL"]).values())
    routing = "".join(text for path, text in SOURCES.items() if path.parent.name == "routing")
    assert {name.lower() for name in re.findall(r"reasons\.([A-Z]+)", routing)} == all_reasons
    documented = (DOCS / "routing.md").read_text()
    assert not [reason for reason in all_reasons if f"`{reason}`" not in documented]
    with pytest.raises(lupa.LuaError, match="there is no reason OTHER"):
        nginx.runtime.execute(b'return require("bg.lib.reasons").OTHER')


def test_every_reason_has_a_counter_in_each_slot(nginx):
    totals, counters = nginx.module("figures.slot_totals"), nginx.module("lib.counters")
    reasons = plain(nginx.module("lib.reasons")[b"ALL"]).values()
    before = totals[b"requests"](b"blue"), totals[b"requests"](b"green")
    for reason in reasons:
        for slot in (b"blue", b"green"):
            totals[b"routed"](slot, reason.encode())
    counters[b"fold"]()
    assert totals[b"requests"](b"blue") - before[0] == len(reasons)
    assert totals[b"requests"](b"green") - before[1] == len(reasons)
