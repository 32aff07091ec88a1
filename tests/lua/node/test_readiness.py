"""What load balancers are told: a node says no where somebody has said so, or where requests would fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import NGINX_STUB, Lua, plain
from tests.lua.support.states import document, parse, states

TAKES = {"version": "1.6.7", "state": "ready", "weight": 100}
NEXT = {"version": "1.6.8", "state": "ready", "weight": 100}
KEEPS = {"version": "1.6.7", "state": "drain", "weight": 0}
SHOWN = {"version": "1.6.8", "state": "drain", "weight": 0}
OUT = {"version": None, "state": "maint", "weight": 0}
MODES = [None, {"mode": "maintenance"}, {"mode": "pause", "until": "2026-01-15T10:30:00Z"}]


@pytest.fixture(scope="module")
def lua() -> Lua:
    one = Lua()
    one.runtime.execute(NGINX_STUB)(0)
    return one


def judge(lua, state, up, *, drained=False, stopping=False, confirmed=True):
    node = lua.table({"is_drained": drained})
    routing = parse(lua, state) if state else None
    known = lua.table({name: word for name, word in up.items() if word is not None})
    return plain(lua.module("node.readiness")[b"judge"](node, stopping, confirmed, routing, known))


@pytest.mark.parametrize("gate", MODES)
def test_what_is_said_of_the_node_counts_and_a_closed_gate_does_not(lua, gate):
    state, up = document(TAKES, OUT, gate=gate), {"blue": True}
    assert judge(lua, state, up) is None, "the page is an answer, and a held request gets one"
    assert judge(lua, state, up, drained=True) == "drained"
    assert judge(lua, state, up, stopping=True) == "stopping"
    assert judge(lua, state, up, confirmed=False) == "unconfirmed"
    assert judge(lua, None, up) == "no state"
    assert judge(lua, None, up, confirmed=False) == "unconfirmed"
    assert judge(lua, None, up, drained=True, confirmed=False) == "drained", "the operator's word first"


@pytest.mark.parametrize(
    ("blue", "green", "phase", "up", "why"),
    [
        (TAKES, OUT, "rest", {"blue": True}, None),
        (TAKES, OUT, "rest", {}, None),
        (TAKES, OUT, "rest", {"blue": False}, "down"),
        (TAKES, OUT, "rest", {"blue": False, "green": True}, "down"),
        (KEEPS, NEXT, "draining", {"blue": True, "green": True}, None),
        (KEEPS, NEXT, "draining", {"blue": False, "green": True}, None),
        (KEEPS, NEXT, "draining", {"blue": True, "green": False}, None),
        (KEEPS, NEXT, "draining", {"green": False}, None),
        (KEEPS, NEXT, "draining", {"blue": False, "green": False}, "down"),
        (TAKES, NEXT, "canary", {"blue": False, "green": True}, None),
        (TAKES, SHOWN, "preview", {"blue": True, "green": False}, None),
        (TAKES, SHOWN, "preview", {"blue": False, "green": True}, "down"),
    ],
)
def test_a_node_is_down_when_its_new_sessions_would_get_no_answer(lua, blue, green, phase, up, why):
    """A bad version fails at all nodes at once: while the other slot answers for it, none may say no."""
    assert judge(lua, document(blue, green, phase=phase), up) == why


known = st.sampled_from([None, True, False])


@given(states(), known, known)
def test_a_node_is_down_just_when_the_upstreams_of_its_new_sessions_are(lua, state, blue, green):
    """Said by what nginx is told: NAME has the other slot as its backup, NAME_alone has none."""
    up = {"blue": blue, "green": green}
    other = {"blue": "green", "green": "blue"}
    routing = parse(lua, state)
    found = lua.table({name: word for name, word in up.items() if word is not None})

    def answers(upstream: str) -> bool:
        name = upstream.partition("_")[0]
        backed = not upstream.endswith("_alone")
        return up[name] is not False or (backed and up[other[name]] is not False)

    slots = routing[b"slots"].values()
    taking = [slot for slot in slots if slot[b"state"] == b"ready" and slot[b"weight"] > 0]
    chosen = [
        plain(lua.module("routing.rules")[b"upstream"](slot, b"web", lua.table({}), found)) for slot in taking
    ]
    assert (judge(lua, state, up) == "down") is not any(map(answers, chosen))
