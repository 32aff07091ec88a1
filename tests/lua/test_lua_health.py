"""Health checks: an answer read by hand, what it says, and what a row of them does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from luajit import plain
from test_lua_routes_decision import parse, states

OLD = "1.6.7"
bodies = st.binary(max_size=300)
faults = st.none() | st.just(b"timeout")


def read(lua, text, closed=False):
    """(status, body, whole), or None while the head is not complete."""
    found = lua.module("http_answer")[b"parse"](text, closed)
    return found or None


def counted(body):
    return b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(body, size):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%X;x=y\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@given(bodies, st.integers(1, 50))
def test_a_body_is_read_however_its_end_is_told(lua, body, size):
    assert read(lua, counted(body)) == (200, body, True)
    assert read(lua, chunked(body, size)) == (200, body, True)
    bare = b"HTTP/1.0 503 Nope\r\n\r\n" + body
    assert read(lua, bare, closed=True) == (503, body, True)
    assert read(lua, bare) == (503, body, False)


@given(bodies.filter(bool), st.integers(1, 50), st.data())
def test_an_answer_that_is_cut_short_is_never_whole(lua, body, size, data):
    for text in (counted(body), chunked(body, size)):
        cut = data.draw(st.integers(0, len(text) - 5))
        found = read(lua, text[:cut], closed=True)
        assert found is None or not found[2]


@given(st.binary(max_size=300), st.booleans())
def test_63_garbage_never_throws(lua, text, closed):
    read(lua, text, closed)
    read(lua, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text, closed)


@pytest.mark.parametrize(
    ("status", "document", "outcome", "why"),
    [
        (200, {"version": OLD, "more": 1}, "good", None),
        (None, None, "no_answer", "timeout"),
        (503, {"version": OLD}, "status", "answered status 503"),
        (200, None, "body", "answered something that is not a JSON object"),
        (200, "text", "body", "answered something that is not a JSON object"),
        (200, {}, "version", "answered without a version"),
        (200, {"version": 167}, "version", "answered without a version"),
        (200, {"version": "x\r\ny"}, "version", "answered without a version"),
        (200, {"version": "1.6.8"}, "version", "answered 1.6.8, wanted 1.6.7"),
    ],
)
def test_36_an_answer_must_prove_the_version(lua, status, document, outcome, why):
    found = lua.module("verdict")[b"outcome"](status, lua.table(document), OLD.encode(), b"timeout")
    kind, said = found if isinstance(found, tuple) else (found, None)
    assert (plain(kind), said and plain(said)) == (outcome, why)


def judge(lua, answers, fails, version=OLD):
    record = lua.table({})
    for now, fault in enumerate(answers):
        record = lua.module("verdict")[b"judge"](record, version.encode(), fault, fails, now)
    return plain(record)


@given(st.lists(faults, min_size=1, max_size=20), st.integers(1, 5))
def test_down_after_so_many_in_a_row_and_up_with_the_first_good_one(lua, answers, fails):
    """The same, said of the whole row: down while it ends in `fails` faults, with faults alone since."""
    record = judge(lua, answers, fails)
    good = [at for at, fault in enumerate(answers) if fault is None]
    row = len(answers) - (good[-1] + 1 if good else 0)
    if row >= fails:
        assert (record["up"], record["why"]) == (False, "timeout")
        assert record["since"] == len(answers) - row + fails - 1, "since it was found down"
    else:
        assert record.get("up") is (True if good else None)
    assert record["bad"] == row


@given(st.lists(faults, min_size=1, max_size=20), st.integers(1, 5))
def test_what_was_known_of_another_version_says_nothing(lua, answers, fails):
    record = lua.table(judge(lua, answers, fails, "1.6.8"))
    after = lua.module("verdict")[b"judge"](record, OLD.encode(), b"timeout", fails + 1, 99)
    assert plain(after) == {"since": 99, "bad": 1, "version": OLD, "why": "timeout"}


@given(states(), st.sampled_from([True, False, None]), st.sampled_from([True, False, None]))
def test_the_other_slot_serves_only_when_both_are_known_and_only_this_one_is_down(lua, state, blue, green):
    routes = parse(lua, state)
    known = lua.table({name: up for name, up in (("blue", blue), ("green", green)) if up is not None})
    for name, other, up, others in (("blue", "green", blue, green), ("green", "blue", green, blue)):
        slot = routes[b"slots"][name.encode()]
        upstream = plain(lua.module("decision")[b"upstream"](slot, known))
        alone = state["slots"][other]["state"] == "maint"
        if up is False and others and not alone:
            assert upstream == f"{name}_by_{other}"
        else:
            assert upstream == (f"{name}_alone" if alone else name), json.dumps(state)
