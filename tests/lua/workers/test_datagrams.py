"""What a leaving worker reads no more: real sockets and a real epoll, of this process."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from tests.lua.support.luajit import Lua


def bound(kind: socket.SocketKind, *, shared: bool) -> socket.socket:
    one = socket.socket(socket.AF_INET, kind)
    if shared:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", 0))
    return one


@pytest.fixture
def worker() -> Iterator[tuple[select.epoll, socket.socket, socket.socket, socket.socket]]:
    """An epoll with a socket of QUIC, one of a resolver, and one that listens for TCP."""
    quic = bound(socket.SOCK_DGRAM, shared=True)
    resolver = bound(socket.SOCK_DGRAM, shared=False)
    listener = bound(socket.SOCK_STREAM, shared=True)
    listener.listen()
    with select.epoll() as epoll, quic, resolver, listener:
        for each in (quic, resolver, listener):
            epoll.register(each, select.EPOLLIN)
        yield epoll, quic, resolver, listener


def test_only_what_quic_reads_is_left(worker):
    epoll, quic, resolver, listener = worker
    quic.sendto(b"packet", quic.getsockname())
    assert epoll.poll(5) == [(quic.fileno(), select.EPOLLIN)]
    assert Lua().module("workers.datagrams")[b"leave"]() == 1
    assert epoll.poll(0) == [], "the packet is for another worker"
    quic.sendto(b"good-bye", resolver.getsockname())
    assert epoll.poll(5) == [(resolver.fileno(), select.EPOLLIN)], "it can still send; others are read on"
    epoll.modify(listener, select.EPOLLIN)  # FileNotFoundError: it was left too


def test_left_once_there_is_nothing_more_to_leave(worker):
    leave = Lua().module("workers.datagrams")[b"leave"]
    assert (leave(), leave()) == (1, 0)
