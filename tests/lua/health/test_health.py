"""Health checks: an answer read by hand, what it says, and what a row of them does."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import plain
from tests.lua.support.states import parse, states

OLD = "1.6.7"
bodies = st.binary(max_size=300)
faults = st.none() | st.just(b"timeout")


def read(lua, text, closed=False):
    """(status, body, whole), or None while the head is not complete."""
    return read_pieces(lua, [text], closed)


def read_pieces(lua, pieces, closed=False):
    """The same of an answer that comes in these pieces."""
    answer = lua.module("lib.http_answer")[b"new"](True)
    for at, piece in enumerate(pieces):
        answer[b"add"](answer, piece, closed and at == len(pieces) - 1)
    if answer[b"status"] is None:
        return None
    return answer[b"status"], answer[b"body"](answer), answer[b"is_whole"]


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


@pytest.mark.threat(36)
@given(bodies, st.integers(1, 50), st.integers(1, 40))
def test_36_it_is_one_answer_in_whatever_pieces_it_comes(lua, body, size, step):
    for text in (counted(body), chunked(body, size), counted(body)[:-1], chunked(body, size)[:-7]):
        pieces = [text[at : at + step] for at in range(0, len(text), step)]
        assert read_pieces(lua, pieces) == read(lua, text)


@pytest.mark.threat(36)
@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"a" * 120_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\n" + b"Transfer-Encoding: x, " * 5_000,
        b"\r" * 120_000,
    ],
)
def test_36_no_answer_of_an_app_keeps_a_worker_busy(lua, text):
    """These took minutes, in which the worker served nobody: every piece was read from the beginning."""
    began = time.process_time()
    read_pieces(lua, [text[at : at + 100] for at in range(0, len(text), 100)])
    assert time.process_time() - began < 5


@pytest.mark.threat(36)
def test_36_blanks_in_a_header_keep_no_worker_busy(lua):
    head = b"HTTP/1.1 302 Found\r\nLocation:" + b" " * 30_000 + b"x" + b" " * 30_000 + b"y  \r"
    began = time.process_time()
    assert lua.module("lib.http_answer")[b"field"](head, b"location").startswith(b"x  ")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("head", "value"),
    [
        (b"HTTP/1.1 200 OK\r\nX-App-Version: 1.6.8\r", b"1.6.8"),
        (b"HTTP/1.1 200 OK\nx-app-version:1.6.8\n", b"1.6.8"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\nX-App-Version:  a b \t\r\nX-App-Version: c\r", b"a b"),
        (b"HTTP/1.1 200 OK\r\nX-App-Version:\r", b""),
        (b"HTTP/1.1 200 X-App-Version: 1\r\nOld-X-App-Version: 1\r", None),
    ],
)
def test_a_field_of_a_head_is_read_by_its_name(lua, head, value):
    """What an answer says to bgctl and to the proxy: test_parity."""
    assert lua.module("lib.http_answer")[b"field"](head, b"x-app-version") == value


@pytest.mark.threat(63)
@given(st.binary(max_size=300), st.booleans())
def test_63_garbage_never_throws(lua, text, closed):
    read(lua, text, closed)
    read(lua, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text, closed)


def judge(lua, answers, fails, version=OLD):
    record = lua.table({})
    for now, fault in enumerate(answers):
        record = lua.module("health.verdict")[b"judge"](record, version.encode(), fault, fails, now)
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
    after = lua.module("health.verdict")[b"judge"](record, OLD.encode(), b"timeout", fails + 1, 99)
    assert plain(after) == {"since": 99, "bad": 1, "version": OLD, "why": "timeout"}


@given(states(), st.sampled_from([True, False, None]), st.sampled_from([True, False, None]))
def test_the_other_slot_serves_only_when_both_are_known_and_only_this_one_is_down(lua, state, blue, green):
    routes = parse(lua, state)
    known = lua.table({name: up for name, up in (("blue", blue), ("green", green)) if up is not None})
    for name, other, up, others in (("blue", "green", blue, green), ("green", "blue", green, blue)):
        slot = routes[b"slots"][name.encode()]
        upstream = plain(lua.module("routing.rules")[b"upstream"](slot, b"web", lua.table({}), known))
        alone = state["slots"][other]["state"] == "maint"
        if up is False and others and not alone:
            assert upstream == f"{name}_by_{other}"
        else:
            assert upstream == (f"{name}_alone" if alone else name), json.dumps(state)
