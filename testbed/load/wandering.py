"""Several hosts behind one name, as a load balancer shows them: each request goes to another one.

A host that refuses a connection, or does not take it within a moment, is passed over. A GET that got no
answer at all is sent again, once (aiohttp does that), and so to another host; of a POST nobody knows what
became of it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import time
from collections.abc import Collection, Sequence
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

NEXT_HOST = 0.25  # seconds after which a connection is tried at another host as well


class Balancer(AbstractResolver):
    """Finds all hosts under any name. The first is where a request goes, if it can.

    It is a random one, but not the one at which the same task was last.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = tuple(hosts)
        self._last: WeakKeyDictionary[asyncio.Task[Any], str] = WeakKeyDictionary()
        self._reached: WeakKeyDictionary[asyncio.Task[Any], str] = WeakKeyDictionary()
        self._away: dict[str, float] = {}  # each host that is away, or was: until when

    def _order(self) -> list[str]:
        order = random.sample(self._hosts, len(self._hosts))
        if task := asyncio.current_task():
            order.sort(key=lambda host: host == self._last.get(task))
            self._last[task] = order[0]
        return order

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._order()
        ]

    async def close(self) -> None:
        """There is nothing to close."""

    def set_away(self, hosts: Collection[str]) -> None:
        """Tells that these hosts go, before they do, and that all others are back, after they are."""
        now = time.monotonic()
        self._away = {host: min(until, now) for host, until in self._away.items()} | dict.fromkeys(hosts, inf)

    @property
    def reached(self) -> str | None:
        """The host that this task's last request has reached; None: none has taken it."""
        task = asyncio.current_task()
        return self._reached.get(task) if task else None

    def was_away(self, since: float) -> bool:
        """Whether that host was away at any time since then."""
        return self.reached is not None and self._away.get(self.reached, -inf) > since

    def reaches(self, host: str | None) -> None:
        """Notes which host has taken the request of this task; None: none has yet."""
        if task := asyncio.current_task():
            self._reached.pop(task, None)
            if host:
                self._reached[task] = host

    def connector(self, tls: ssl.SSLContext | bool) -> TCPConnector:
        """With a connection for each request, so that none stays at the host of the one before."""
        return _Connector(self, tls)


class _Connector(TCPConnector):
    def __init__(self, balancer: Balancer, tls: ssl.SSLContext | bool) -> None:
        super().__init__(
            resolver=balancer, use_dns_cache=False, force_close=True, happy_eyeballs_delay=NEXT_HOST, ssl=tls
        )
        self._balancer = balancer

    async def connect(self, req: ClientRequest, traces: list[Any], timeout: ClientTimeout) -> Connection:
        self._balancer.reaches(None)
        connection = await super().connect(req, traces, timeout)
        if connection.transport:
            self._balancer.reaches(connection.transport.get_extra_info("peername")[0])
        return connection
