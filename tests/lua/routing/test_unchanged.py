"""A service that a release leaves unchanged is blue's, for both versions: who answers, and who is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import NGINX_STUB, Lua, plain
from tests.lua.support.states import states

RELEASE = {"id": "d", "from": "1.6.7", "to": "1.6.8", "startedAt": "2026-01-15T10:30:00Z", "step": "drain"}
ups = st.sampled_from([True, False, None])


def parse(lua: Lua, state: dict[str, object], **release: object) -> Any:
    text = json.dumps({**state, "deployment": {**RELEASE, **release}}).encode()
    return lua.module("routing.routing_table")[b"parse"](text)


@given(states(), ups, ups)
def test_its_requests_go_to_blue_from_either_slot_whatever_is_up(lua, state, blue, green):
    routes = parse(lua, state, unchanged=["api", "worker"])
    upstream = lua.module("routing.rules")[b"upstream"]
    known = lua.table({name: up for name, up in (("blue", blue), ("green", green)) if up is not None})
    for name in ("blue", "green"):
        slot = routes[b"slots"][name.encode()]
        assert upstream(slot, b"api", routes[b"unchanged"], known) == b"blue_alone"
        other = plain(upstream(slot, b"web", routes[b"unchanged"], known))
        assert other == plain(upstream(slot, b"web", lua.table({}), known)), "what changes is each slot's own"
        assert other.startswith(name)


@given(states())
def test_without_the_word_all_services_change(lua, state):
    assert plain(parse(lua, state)[b"unchanged"]) == {}


@given(states(), st.sampled_from([None, "", "api", 1, {}, [], {"api": True}, [1], ["api", None]]))
def test_a_document_that_says_it_badly_is_refused_as_a_whole(lua, state, unchanged):
    routes, why = parse(lua, state, unchanged=unchanged)
    assert routes is None
    assert b"unchanged" in why


COUNT = b"""
local inflight, open = require("bg.workers.inflight"), require("bg.workers.open")
inflight.enter(1, "blue", "api", true, nil, nil, 0)
inflight.enter(2, "blue", "web", false, nil, nil, 0)
inflight.enter(3, "green", "api", false, nil, nil, 0)
local function of(unchanged)
    return { blue = { open.of("blue", unchanged) }, green = { open.of("green", unchanged) } }
end
local before, during = of({}), of({ api = true })
for number = 1, 3 do inflight.leave(number) end
return { before = before, during = during, after = of({ api = true }) }
"""


def test_no_slot_has_to_be_empty_of_it_also_of_what_was_open_before(lua):
    """Requests, WebSockets among them, and the same of unchanged services."""
    found = plain(lua.runtime.execute(COUNT))
    rows = {when: {slot: list(row.values()) for slot, row in each.items()} for when, each in found.items()}
    assert rows["before"] == {"blue": [2, 1, 0, 0], "green": [1, 0, 0, 0]}
    assert rows["during"] == {"blue": [1, 0, 1, 1], "green": [0, 0, 1, 0]}
    assert rows["after"] == {"blue": [0, 0, 0, 0], "green": [0, 0, 0, 0]}


CHECKS = b"""
ngx.log, ngx.WARN = function() end, "warn"
ngx.timer.at = function(_, work, peer) work(false, peer) return true end
local asked, faults = {}, {}
package.loaded["bg.health.probe"] = function(peer)
    asked[peer.address] = true
    local why = faults[peer.address]
    return not why and { status = 200, body = "", head = "" } or nil, why
end
local dict = ngx.shared.bg_health
dict.add = function(self, key, value) return not self:get(key) and self:set(key, value) end
local checks = require("bg.health.checks")
local peers = {}
for _, slot in ipairs({ "blue", "green" }) do
    for _, service in ipairs({ "web", "api" }) do
        local address = slot .. ":" .. service
        peers[#peers + 1] = { slot = slot, service = service, address = address, proof = "image" }
    end
end
local blue, green = { version = "1.6.7", state = "drain" }, { version = "1.6.8", state = "ready" }
checks.init({ peers = peers, health_check = 1, health_timeout = 1, health_fails = 1 }, function()
    return { slots = { blue = blue, green = green }, unchanged = { api = true } }
end)
return function(broken, blue_state)
    asked, blue.state = {}, blue_state
    for address in pairs(faults) do faults[address] = nil end
    faults[broken] = "refused"
    dict:delete("turn")
    checks.tick()
    checks.sync()
    return { asked = asked, blue = checks.of("blue").up, green = checks.of("green").up }
end
"""


@pytest.mark.parametrize("blue", ["drain", "maint"])
def test_greens_health_has_blues_container_of_it_and_none_of_its_own(blue: str) -> None:
    lua = Lua()
    lua.runtime.execute(NGINX_STUB)(1000)
    look = lua.runtime.execute(CHECKS)
    fine = plain(look(b"nothing", blue.encode()))
    own = {"blue:web": True} if blue == "drain" else {}
    assert fine["asked"] == {**own, "blue:api": True, "green:web": True}
    assert fine["green"] is True
    assert plain(look(b"blue:api", blue.encode()))["green"] is False
    assert plain(look(b"blue:web", blue.encode()))["green"] is True
