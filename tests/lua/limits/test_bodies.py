"""Room and time for large bodies (threat 83)."""

from __future__ import annotations

import ipaddress
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import NGINX_STUB, Lua

ROOM = 512 << 20
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def bare() -> Lua:
    one = Lua()
    one.runtime.execute(NGINX_STUB)
    return one


@pytest.fixture(scope="module")
def bodies(bare):
    return bare.module("limits.bodies")


@pytest.mark.threat(83)
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


@pytest.mark.threat(83)
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


@pytest.mark.threat(83)
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


@pytest.mark.threat(83)
def test_83_time_goes_by_length(bare, bodies):
    given_settings = bare.table({"client_timeout": 30, "min_rate": 32 << 10})
    assert bodies[b"seconds"](100 << 20, given_settings) == 30 + 3200


def test_a_file_system_tells_its_size():
    size = Lua().module("limits.disk")[b"size"]
    found = os.statvfs("/tmp")
    assert size(b"/tmp") == found.f_frsize * found.f_blocks
    assert size(b"/nowhere") is None


# A nginx in which a body never becomes whole: reading it goes on while the request waits.
SLOW = b"""
local now, later = 100, {}
ngx.now = function() return now end
ngx.thread = { spawn = function(work) return work end, kill = function() end }
ngx.timer.at = function(_, work) later[#later + 1] = work end
ngx.req = { discard_body = function() end }
ngx.exit = function() end
ngx.print = function() end
ngx.header = {}
ngx.HTTP_OK = 200
package.loaded["ngx.semaphore"] = {
    new = function() return { wait = function() end, post = function() end } end,
}
ngx.var = {
    binary_remote_addr = "1234", http_content_length = "100000", bg_retry_after = "",
}
local is_leaving = false
ngx.worker.exiting = function() return is_leaving end
return {
    leave = function() is_leaving = true end,
    later = function() return #later end,
}
"""


@pytest.fixture
def slow():
    one = Lua()
    one.runtime.execute(NGINX_STUB)
    one.nginx = one.runtime.execute(SLOW)
    given = {"client_timeout": 30, "min_rate": 32 << 10, "max_body": 100 << 20}
    one.module("limits.bodies")[b"init"](one.table(given))
    return one


@pytest.mark.threat(83)
def test_83_a_worker_that_is_leaving_keeps_time_for_a_body_that_comes_late(slow):
    """Its last tick may be over: one that is held at the gate, or on a connection that was just made."""
    bodies = slow.module("limits.bodies")
    slow.nginx[b"leave"]()
    bodies[b"tick"]()
    assert slow.nginx[b"later"]() == 0
    bodies[b"take_in"]()
    assert slow.nginx[b"later"]() == 1


@pytest.mark.threat(83)
def test_83_a_body_for_a_service_without_slots_is_no_reason_to_look_at_the_slots(slow):
    slow.module("limits.bodies")[b"take_in"]()
    asked = b"""
        local hurried = 0
        require("bg.health.checks").hurry = function() hurried = hurried + 1 end
        require("bg.gate.error_page").send = function() end
        ngx.status = 502
        require("bg.routing.router").settings = { header_size = 32768 }
        require("bg.answers").unavailable()
        local of_shared = hurried
        require("bg.workers.inflight").enter(1, "blue", "web", false, nil, nil, 0)
        require("bg.answers").unavailable()
        return of_shared, hurried
    """
    assert slow.runtime.execute(asked) == (0, 1)


@pytest.mark.parametrize(
    ("var", "took"),
    [
        ({"bg_body": ""}, 9.0),
        ({"bg_body": "small", "upstream_response_time": "0.250"}, 0.25),
        ({"bg_body": "large", "upstream_response_time": "0.250"}, 0.25),  # in chunks
        ({"bg_body": "large"}, None),  # its client has gone meanwhile
    ],
)
def test_how_long_a_client_sends_its_body_is_not_the_apps_time(slow, var, took):
    asked = b"""
        local var, took = ..., nil
        local figures = require("bg.figures.figures")
        figures.finished, figures.took = function() end, function(_, seconds) took = seconds end
        ngx.var = var
        require("bg.figures.outcome").count({ name = "blue", slot = {}, since = 91 }, nil, 200, false)
        return took
    """
    assert slow.runtime.execute(asked, slow.table(var)) == took
