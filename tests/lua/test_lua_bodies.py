"""Room and time for large bodies (threat 83)."""

from __future__ import annotations

import ipaddress
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from luajit import LUA, Lua

ROOM = 512 << 20
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def bare() -> Lua:
    one = Lua()
    one.runtime.execute((LUA.parent / "tests" / "lua" / "nginx_stub.lua").read_bytes())
    return one


@pytest.fixture(scope="module")
def bodies(bare):
    return bare.module("bodies")


@pytest.mark.parametrize(
    ("megabytes", "promised", "own", "refused"),
    [
        (99, 0, 0, None),
        (99, 99, 99, None),
        (99, 198, 198, b"share"),
        (99, 198, 0, None),
        (99, 297, 0, None),
        (99, 396, 0, b"room"),
        (50, 396, 0, None),
        (400, 0, 0, None),
        (400, 1, 0, b"room"),
    ],
)
def test_83_who_gets_room(bodies, megabytes, promised, own, refused):
    assert bodies[b"refusal"](megabytes * MEGABYTE, promised * MEGABYTE, own * MEGABYTE, ROOM) == refused


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 99 << 20)), max_size=60))
def test_83_whoever_comes_a_small_one_finds_room(bodies, asked):
    """Any number of large bodies of any number of clients leave room for another one's."""
    clients: dict[int, int] = {}
    for client, size in asked:
        own = clients.get(client, 0)
        if bodies[b"refusal"](size, sum(clients.values()), own, ROOM) is None:
            clients[client] = own + size
    free = ROOM - sum(clients.values())
    assert free > 0
    assert bodies[b"refusal"](min(free // 2, 100_000), ROOM - free, 0, ROOM) is None
    assert all(own <= ROOM / 2 for own in clients.values())


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::"),
        ("2001:db8:0:1:ffff::8", "2001:db8:0:1::"),
        ("::1", "::"),
    ],
)
def test_83_whose_an_address_is(bodies, address, client):
    wanted = ipaddress.ip_address(client).packed
    size = 4 if len(wanted) == 4 else 8
    assert bodies[b"client_of"](ipaddress.ip_address(address).packed) == wanted[:size]


def test_83_time_goes_by_length(bare, bodies):
    given_settings = bare.table({"client_timeout": 30, "min_rate": 32 << 10})
    assert bodies[b"seconds"](100 << 20, given_settings) == 30 + 3200


def test_a_file_system_tells_its_size():
    size = Lua().module("disk")[b"size"]
    found = os.statvfs("/tmp")
    assert size(b"/tmp") == found.f_frsize * found.f_blocks
    assert size(b"/nowhere") is None
