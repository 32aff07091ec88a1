"""State documents, as properties draw them, and the routing tables that they make."""

from __future__ import annotations

import json

from hypothesis import assume
from hypothesis import strategies as st

versions = st.sampled_from(["1.6.7", "1.6.8", "2.0.0-rc.1"])
draws = st.floats(0, 1, exclude_max=True)


@st.composite
def slots(draw):
    state = draw(st.sampled_from(["ready", "drain", "maint"]))
    version = draw(versions | st.none()) if state == "maint" else draw(versions)
    return {"version": version, "state": state, "weight": draw(st.integers(0, 100))}


@st.composite
def states(draw):
    """State documents of which at least one slot takes new sessions."""
    blue, green = draw(slots()), draw(slots())
    assume(any(slot["state"] == "ready" and slot["weight"] > 0 for slot in (blue, green)))
    return document(blue, green)


def document(blue, green, **more):
    return {
        "schema": 2,
        "generation": 7,
        "updatedAt": "2026-01-15T10:30:00Z",
        "phase": "rest",
        "deployment": None,
        "slots": {"blue": blue, "green": green},
        **more,
    }


def parse(lua, value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lua.module("routing.routing_table")[b"parse"](text)


GOOD = document(
    {"version": "1.6.7", "state": "ready", "weight": 100}, {"version": None, "state": "maint", "weight": 0}
)
