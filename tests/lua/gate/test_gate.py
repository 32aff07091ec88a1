"""The gate: what is read of it, and what becomes of a request."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import plain
from tests.lua.support.states import GOOD, parse, states

moments = st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
gates = st.just({"mode": "maintenance", "since": "x"}) | moments.map(
    lambda moment: {"mode": "pause", "until": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "since": "x"}
)


def stamp(moment: datetime) -> bytes:
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%SZ}".encode()


@given(moments)
def test_a_time_is_read_as_it_was_meant(lua, moment):
    assert lua.module("lib.timestamp")[b"parse"](stamp(moment)) == int(moment.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-01-15", "2026-01-15T10:30:00", "2026-01-15 10:30:00Z", "2026-01-15T10:30:00+00:00"),
        *("2026-13-15T10:30:00Z", "2026-00-15T10:30:00Z", "2026-01-32T10:30:00Z", "2026-01-15T24:30:00Z"),
        *("2026-01-15T10:60:00Z", "2026-01-15T10:30:00.5Z", " 2026-01-15T10:30:00Z", "now"),
    ],
)
def test_what_is_no_time_is_none(lua, text):
    assert lua.module("lib.timestamp")[b"parse"](text.encode()) is None


@given(states(), gates)
def test_a_gate_changes_nothing_else(lua, state, gate):
    closed = plain(parse(lua, {**state, "gate": gate}))
    assert closed.pop("gate")["mode"] == gate["mode"]
    assert closed == plain(parse(lua, state))


@pytest.mark.parametrize("gate", [None, ...])
def test_no_gate_is_an_open_one(lua, gate):
    document = GOOD if gate is ... else {**GOOD, "gate": gate}
    assert "gate" not in plain(parse(lua, document))


@pytest.mark.threat(41)
@pytest.mark.parametrize(
    "gate",
    [
        *("pause", [], {}, 1, True),
        {"mode": "closed"},
        {"mode": "pause"},
        {"mode": "pause", "until": 5},
        {"mode": "pause", "until": "soon"},
        {"mode": "pause", "until": None},
    ],
)
def test_41_a_bad_gate_refuses_the_whole_document(lua, gate):
    routes, why = parse(lua, {**GOOD, "gate": gate})
    assert routes is None
    assert b"gate" in why


@given(gates | st.none(), st.booleans(), st.booleans(), st.integers(0, 2**33))
def test_what_becomes_of_a_request(lua, gate, allowed, full, now):
    table = parse(lua, {**GOOD, "gate": gate})[b"gate"]
    verdict = plain(lua.module("gate.gate")[b"verdict"](table, allowed, full, now))
    closed = lua.module("gate.gate")[b"is_closed"](table, allowed)
    if gate is None or (gate["mode"] == "maintenance" and allowed):
        assert (verdict, closed) == ("open", False)
    elif gate["mode"] == "maintenance":
        assert (verdict, closed) == ("maintenance", True)
    else:
        in_time = now < datetime.fromisoformat(gate["until"]).timestamp()
        assert (verdict, closed) == ("hold" if in_time and not full else "pause", True)
