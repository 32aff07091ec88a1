"""State to routing table, and the decision itself, as properties."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import plain
from tests.lua.support.states import GOOD, document, draws, parse, states, versions


def decide(lua, routes, token=None, pin=None, draw=0.5):
    rules = lua.module("routing.rules")
    held = rules[b"sticky"](
        routes,
        lua.table({"version": token}) if token else None,
        lua.table({"version": pin}) if pin else None,
    )
    if held:
        slot, rule, named_by = held
        assert plain(named_by[b"version"]) == plain(slot[b"version"])
        return plain(slot[b"name"]), plain(rule)
    return plain(rules[b"fresh"](routes, draw)[b"name"]), "new"


@given(states(), st.none() | versions, st.none() | versions, draws)
def test_the_decision_is_the_three_rules(lua, state, token, pin, draw):
    routes = parse(lua, state)
    slot, rule = decide(lua, routes, token, pin, draw)
    serving = {name: entry["version"] for name, entry in state["slots"].items() if entry["state"] != "maint"}
    assert slot in serving, "maint serves nobody"
    if token in serving.values():
        assert (rule, serving[slot]) == ("token", token)
    elif pin in serving.values():
        assert (rule, serving[slot]) == ("pin", pin)
    else:
        assert rule == "new"
        assert state["slots"][slot]["state"] == "ready", "drain takes no new sessions"
        assert state["slots"][slot]["weight"] > 0


@given(states(), versions, versions, versions)
def test_who_has_moved_on_from_the_tokens_version_is_where_the_pin_says(lua, state, token, pin, left):
    """And nobody else: a pin without that word never outranks a token whose version is served."""
    rules, routes = lua.module("routing.rules"), parse(lua, state)
    serving = {entry["version"] for entry in state["slots"].values() if entry["state"] != "maint"}
    moved = rules[b"sticky"](routes, lua.table({"version": token}), lua.table({"version": pin, "from": left}))
    if left == token and pin in serving and pin != left:
        assert (plain(moved[0][b"version"]), plain(moved[1])) == (pin, "moved")
    elif moved:
        assert decide(lua, routes, token, pin) == (plain(moved[0][b"name"]), plain(moved[1]))
        assert plain(moved[1]) == ("token" if token in serving else "pin")
    else:
        assert not serving & {token, pin}


@given(states(), versions)
def test_of_two_slots_on_one_version_the_ready_one_serves(lua, state, version):
    entries = state["slots"]
    for entry in entries.values():
        entry["version"] = version
    serving = [name for name, entry in entries.items() if entry["state"] != "maint"]
    ready = [name for name in serving if entries[name]["state"] == "ready"]
    slot, _ = decide(lua, parse(lua, state), token=version)
    assert slot in ready


@given(st.integers(1, 99), st.integers(1, 99), draws)
def test_raising_the_share_moves_nobody_back(lua, weight, more, draw):
    low, high = sorted((weight, more))

    def slot_at(share):
        blue = {"version": "1.6.7", "state": "ready", "weight": 100 - share}
        green = {"version": "1.6.8", "state": "ready", "weight": share}
        return decide(lua, parse(lua, document(blue, green)), draw=draw)[0]

    assert not (slot_at(low) == "green" and slot_at(high) == "blue")


@pytest.mark.parametrize("share", [1, 10, 25, 50, 90])
def test_the_share_is_the_weight(lua, share):
    """Over 10,000 fixed session ids: the weight, to within five standard deviations."""
    crypto = lua.module("lib.crypto")
    blue = {"version": "1.6.7", "state": "ready", "weight": 100 - share}
    green = {"version": "1.6.8", "state": "ready", "weight": share}
    routes = parse(lua, document(blue, green))
    fresh = lua.module("routing.rules")[b"fresh"]
    ids = [f"session-{number}".encode() for number in range(10_000)]
    greens = sum(fresh(routes, crypto[b"fraction"](sid))[b"name"] == b"green" for sid in ids)
    expected = share * 100
    assert abs(greens - expected) <= 5 * (10_000 * share / 100 * (1 - share / 100)) ** 0.5


@given(states())
def test_a_slot_beside_maint_has_no_backup(lua, state):
    routes = plain(parse(lua, state))
    for name, other in (("blue", "green"), ("green", "blue")):
        alone = state["slots"][other]["state"] == "maint"
        assert routes["slots"][name]["upstream"] == (f"{name}_alone" if alone else name)


def broken(path, value):
    """GOOD with the entry at `path` replaced, or removed where the value is ..."""
    copy = json.loads(json.dumps(GOOD))
    *parents, last = path
    inner = copy
    for key in parents:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], 3),
        (["schema"], ...),
        (["generation"], 0),
        (["generation"], "7"),
        (["generation"], 1.5),
        (["phase"], None),
        (["slots"], []),
        (["slots", "green"], ...),
        (["slots", "green"], None),
        (["slots", "blue", "state"], "up"),
        (["slots", "blue", "weight"], 101),
        (["slots", "blue", "weight"], -1),
        (["slots", "blue", "weight"], "100"),
        (["slots", "blue", "weight"], 0),
        (["slots", "blue", "state"], "drain"),
        (["slots", "blue", "version"], None),
        (["slots", "blue", "version"], "1.6.7\r\nX: y"),
        (["slots", "blue", "version"], "../1"),
        (["slots", "blue", "version"], "v" * 65),
    ],
)
def test_one_bad_entry_refuses_the_whole_document(lua, path, value):
    """Threat 41."""
    routes, why = parse(lua, broken(path, value))
    assert routes is None
    assert why


@given(st.binary(max_size=300))
def test_garbage_never_throws_and_never_routes(lua, text):
    """Threat 41."""
    assert parse(lua, text)[0] is None


@given(st.integers(0, 400))
def test_a_torn_document_is_refused(lua, length):
    """Threat 41: every prefix of a good file, down to nothing."""
    text = json.dumps(GOOD).encode()
    if length < len(text):
        assert parse(lua, text[:length])[0] is None
