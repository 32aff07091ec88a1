"""The health of a slot with replicas: it is up with any of them, and each one is known by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import NGINX_STUB, Lua, plain

OLD = "1.6.7"
ups = st.sampled_from([True, False, None])
records = st.lists(st.tuples(ups, st.integers(1, 9)), min_size=1, max_size=6)


def record(up: bool | None, since: int) -> dict[str, object]:
    return {} if up is None else {"up": up, "since": since, "why": f"since {since}"}


@given(records)
def test_a_service_is_up_with_any_of_them_and_down_with_all(
    lua: Lua, found: list[tuple[bool | None, int]]
) -> None:
    listed = lua.table([record(up, since) for up, since in found])
    said = plain(lua.module("health.verdict")[b"together"](listed))
    known = [up for up, _ in found]
    if True in known:
        assert (said["up"], said["since"]) == (True, min(since for up, since in found if up))
    elif None in known:
        assert said == {}
    else:
        assert (said["up"], said["since"]) == (False, max(since for _, since in found))


OPEN = b"""
local peers = ...
local lines = {}
ngx.log = function(_, ...) lines[#lines + 1] = table.concat({ ... }) end
ngx.WARN, ngx.timer.at = "warn", function(_, work, peer) work(false, peer) return true end
local answers = {}
package.loaded["bg.health.probe"] = function(peer)
    local why = answers[peer.address]
    return not why and { status = 200, body = "", head = "" } or nil, why
end
local dict = ngx.shared.bg_health
dict.add = function(self, key, value) return not self:get(key) and self:set(key, value) end
local checks = require("bg.health.checks")
local blue, green = { version = "1.6.7", state = "ready" }, { state = "maint" }
local settings = { peers = peers, health_check = 1, health_timeout = 1, health_fails = 1 }
checks.init(settings, function()
    return { slots = { blue = blue, green = green }, unchanged = {} }
end)
return {
    answers = answers, lines = lines, down = checks.down,
    bear = function(fails) settings.health_fails = fails end,
    round = function()
        dict:delete("turn")
        checks.tick()
        checks.sync()
        return checks.of("blue")
    end,
}
"""


class Checked:
    """The checks of blue: so many containers of each of these services, and `spares` of "web" elsewhere."""

    def __init__(self, spares: int = 0, **services: int) -> None:
        self.lua = Lua()
        self.lua.runtime.execute(NGINX_STUB)(1000)
        peers = [
            {"slot": "blue", "service": name, "address": f"{name}:{number}", "proof": "image"}
            for name, count in services.items()
            for number in range(1, count + 1)
        ]
        peers += [
            {
                "slot": "blue",
                "service": "web",
                "address": f"there:{number}",
                "proof": "image",
                "node": f"n{number}",
            }
            for number in range(1, spares + 1)
        ]
        self.nginx = self.lua.runtime.execute(OPEN, self.lua.table(peers))

    def round(self, **faults: str) -> dict[str, Any]:
        """What is known after a round in which these answer badly: web_1="timeout"."""
        for address in plain(self.nginx[b"answers"]):
            self.nginx[b"answers"][address.encode()] = None
        for name, why in faults.items():
            self.nginx[b"answers"][name.replace("_", ":").encode()] = why.encode()
        found: dict[str, Any] = plain(self.nginx[b"round"]())
        return found

    @property
    def lines(self) -> list[str]:
        return list(plain(self.nginx[b"lines"]).values())

    @property
    def down(self) -> set[str]:
        return set(plain(self.nginx[b"down"]))


def test_one_that_is_down_is_passed_over_and_the_slot_is_up() -> None:
    blue = Checked(web=3, api=1)
    assert blue.round()["up"] is True
    found = blue.round(web_2="timeout")
    assert found["up"] is True
    assert found["passed"] == {1: {"address": "web:2", "why": "timeout"}}
    assert blue.down == {"web:2"}
    assert blue.lines == ["a replica of blue is down: web at web:2: timeout"]
    assert blue.round()["passed"] == {}
    assert blue.down == set()
    assert blue.lines[1:] == ["a replica of blue is up again: web at web:2"]


@pytest.mark.parametrize(
    ("faults", "why"),
    [
        ({"web_1": "timeout", "web_2": "timeout"}, "web: all 2 replicas, the last of them: timeout"),
        ({"api_1": "refused"}, "api: refused"),
        ({"api_1": "refused", "web_1": "timeout"}, "api: refused"),
    ],
)
def test_a_slot_is_down_with_all_of_a_service(faults: dict[str, str], why: str) -> None:
    blue = Checked(web=2, api=1)
    blue.round()
    found = blue.round(**faults)
    assert (found["up"], found["why"]) == (False, why)


def test_a_slot_without_replicas_is_told_as_ever() -> None:
    blue = Checked(web=1)
    blue.round()
    found = blue.round(web_1="timeout")
    assert found == {"up": False, "since": 1000, "why": "web: timeout", "passed": {}}
    assert blue.lines == ["blue is down: web at web:1: timeout"]


def test_a_slot_is_up_while_a_spare_of_it_is_and_its_own_is_told() -> None:
    blue = Checked(spares=2, web=1)
    assert blue.round()["passed"] == {}
    found = blue.round(web_1="refused")
    assert (found["up"], found["passed"]) == (True, {1: {"address": "web:1", "why": "refused"}})
    assert blue.down == {"web:1"}
    found = blue.round(there_2="timeout")
    assert (found["up"], found["passed"]) == (True, {}), "that is told on its own node"
    assert blue.down == {"there:2"}
    assert "a replica of blue is up again: web at web:1" in blue.lines
    assert "a spare of blue is down: web at there:2: timeout" in blue.lines
    assert blue.round(web_1="refused", there_1="refused", there_2="refused")["up"] is False


def test_one_of_which_nothing_is_known_waits_while_another_is_up() -> None:
    """A container that is being started may take a connection, and drop it."""
    blue = Checked(spares=1, web=1)
    blue.nginx[b"bear"](2)
    found = blue.round(web_1="refused")
    assert found["up"] is True
    assert blue.down == {"web:1"}
    assert found["passed"] == {}, "it has not gone down: it has yet to come"
    assert blue.round()["up"] is True
    assert blue.down == set()
