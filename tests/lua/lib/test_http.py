"""Cosockets to addresses as bgctl writes them (threat 93)."""

from __future__ import annotations

import pytest

SOCKET = b"return { connect = function(self, host, port) self.host, self.port = host, port return true end }"


@pytest.mark.threat(93)
@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        (b"127.0.0.1:8081", b"127.0.0.1", 8081),
        (b"[::1]:8081", b"[::1]", 8081),
        (b"[2001:db8::7]:80", b"[2001:db8::7]", 80),
    ],
)
def test_93_nginx_is_given_the_brackets_of_ipv6(lua, address, host, port):
    socket = lua.runtime.execute(SOCKET)
    assert lua.module("lib.http")[b"connect"](socket, address) is True
    assert (socket[b"host"], socket[b"port"]) == (host, port)
