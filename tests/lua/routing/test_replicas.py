"""Which replica is asked: those that are up in turn, then the other slot's, then those that are down."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import NGINX_STUB, Lua, plain

OWN = [f"127.0.0.1:{port}" for port in (8081, 8082, 8083)]
OTHER = [f"127.0.0.1:{port}" for port in (9081, 9082, 9083)]
OPEN = b"""
local mine, theirs, health, hurried, spares = ...
local asked, tries, failure = nil, {}, "failed"
package.loaded["bg.routing.replicas"], package.loaded["bg.health.checks"] = nil, nil
package.loaded["bg.health.checks"] = { down = health, hurry = function() hurried() end }
package.loaded["ngx.balancer"] = {
    set_current_peer = function(host, port) asked = host .. ":" .. port return true end,
    get_last_failure = function() return failure end,
    set_more_tries = function(count) tries[#tries + 1] = count return true end,
}
local replicas = require("bg.routing.replicas")
replicas.init({ replicas = { web = { blue = mine, green = theirs } }, spares = { web = spares } })
return {
    begin = function() ngx.ctx = {} end,
    ask = function(other) replicas.balance("web", "blue", other) return asked end,
    tries = tries,
    lacks = function() failure = "next" end,
    copy = function(service) return replicas.address(service, "green") end,
}
"""


class Slot:
    """Blue's balancer, with green behind it; `down` are addresses, `spares` those of both on other nodes."""

    def __init__(
        self,
        down: set[str] | None = None,
        own: list[str] = OWN,
        other: list[str] = OTHER,
        spares: dict[str, list[str]] | None = None,
    ) -> None:
        self.lua = Lua()
        self.lua.runtime.execute(NGINX_STUB)
        self.hurried = 0
        health = self.lua.table(dict.fromkeys(down or set(), True))
        elsewhere = self.lua.table(
            {slot: [{"address": each} for each in them] for slot, them in (spares or {}).items()}
        )
        self.nginx = self.lua.runtime.execute(
            OPEN, self.lua.table(own), self.lua.table(other), health, self._hurry, elsewhere
        )

    def _hurry(self) -> None:
        self.hurried += 1

    def request(self, failures: int = 0, alone: bool = False) -> list[str]:
        """Who is asked, one after the other, by a request that fails so many times."""
        self.nginx[b"begin"]()
        other = None if alone else b"green"
        return [plain(self.nginx[b"ask"](other)) for _ in range(failures + 1)]

    @property
    def tries(self) -> list[int]:
        return list(plain(self.nginx[b"tries"]).values())


def test_they_take_turns() -> None:
    slot = Slot()
    assert [slot.request()[0] for _ in range(6)] == OWN * 2
    assert slot.hurried == 0


def test_those_that_are_up_share_what_one_that_is_down_would_get() -> None:
    slot = Slot(down={OWN[1]})
    assert Counter(slot.request()[0] for _ in range(100)) == {OWN[0]: 50, OWN[2]: 50}


@given(st.sets(st.sampled_from([*OWN, *OTHER])), st.integers(0, 5), st.booleans())
def test_nobody_is_asked_twice_and_the_other_slot_only_when_none_is_up_here(
    down: set[str], turns: int, alone: bool
) -> None:
    slot = Slot(down)
    for _ in range(turns):
        slot.request()
    everyone = OWN if alone else [*OWN, *OTHER]
    asked = slot.request(len(everyone) - 1, alone)
    assert sorted(asked) == sorted(everyone)
    ranks = [(address in down, address in OTHER) for address in asked]
    assert ranks == sorted(ranks), "up here, up there, down here, down there"


def test_nginx_may_try_all_of_them_and_each_failure_asks_for_a_check() -> None:
    slot = Slot(down={OWN[2]})
    slot.request(2)
    slot.request(1, alone=True)
    assert slot.tries == [5, 2]
    assert slot.hurried == 3
    slot.request(6)
    assert slot.hurried == 3 + 5, "not for one that is known to be down, of which nobody asks anew"


def test_when_only_old_connections_have_failed_it_begins_again() -> None:
    assert sorted(Slot().request(3, alone=True)[:3]) == OWN
    assert Slot().request(3, alone=True)[3] in OWN


def test_what_one_has_not_got_none_of_its_slot_has() -> None:
    """After a 404 for a file the other slot is asked, and nobody is taken for ill ([services.*] assets)."""
    slot = Slot()
    slot.nginx[b"lacks"]()
    first, second = slot.request(1)
    assert first in OWN
    assert second in OTHER
    assert slot.hurried == 0


def test_one_alone_is_asked_again_and_ipv6_has_its_brackets() -> None:
    assert Slot(own=["[::1]:8081"]).request(1, alone=True) == ["[::1]:8081"] * 2


@pytest.mark.parametrize(("down", "copies"), [(set(), OTHER), ({OTHER[1]}, [OTHER[0], OTHER[2], OTHER[0]])])
def test_copies_go_to_the_candidates_replicas_in_turn(down: set[str], copies: list[str]) -> None:
    slot = Slot(down)
    assert [plain(slot.nginx[b"copy"](b"web")) for _ in range(3)] == copies
    assert slot.nginx[b"copy"](b"api") is None


HERE, THERE = ["127.0.0.1:8081"], ["127.0.0.1:8083"]
SPARES = {"blue": ["10.0.0.2:8081", "10.0.0.3:8081"], "green": ["10.0.0.2:8083", "10.0.0.3:8083"]}
EVERYONE = [*HERE, *SPARES["blue"], *THERE, *SPARES["green"]]


def test_spares_are_asked_for_nothing_while_a_slot_of_this_node_is_up() -> None:
    slot = Slot(own=HERE, other=THERE, spares=SPARES)
    assert [slot.request()[0] for _ in range(6)] == HERE * 6


@given(st.sets(st.sampled_from(EVERYONE)), st.integers(0, 3))
def test_the_spares_of_a_slot_come_before_the_other_slot(down: set[str], turns: int) -> None:
    slot = Slot(down, HERE, THERE, SPARES)
    for _ in range(turns):
        slot.request()
    asked = slot.request(len(EVERYONE) - 1)
    assert sorted(asked) == sorted(EVERYONE)
    places = (HERE, SPARES["blue"], THERE, SPARES["green"])
    place_of = {address: number for number, place in enumerate(places) for address in place}
    up = [place_of[address] for address in asked if address not in down]
    assert up == sorted(up), "this node, others, and the same of the other slot"
    assert asked == [each for each in asked if each not in down] + [each for each in asked if each in down]
    in_slot = [address in (*THERE, *SPARES["green"]) for address in asked if address in down]
    assert in_slot == sorted(in_slot)
    assert slot.tries[-1] == len(EVERYONE) - 1


def test_what_this_node_has_not_got_its_spares_have_not_either() -> None:
    slot = Slot(own=HERE, other=THERE, spares=SPARES)
    slot.nginx[b"lacks"]()
    assert slot.request(1) == [*HERE, *THERE]
