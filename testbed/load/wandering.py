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
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

NEXT_HOST = 0.25  # seconds after which a connection is tried at another host as well


class Balancer(AbstractResolver):
    """Finds all hosts under any name. The first is where a request goes, if it can.

    It is a random one, but not the one at which the same task was last.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = tuple(hosts)
        self._last: WeakKeyDictionary[asyncio.Task[Any], str] = WeakKeyDictionary()

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

    def connector(self, tls: ssl.SSLContext | bool) -> TCPConnector:
        """With a connection for each request, so that none stays at the host of the one before."""
        return TCPConnector(
            resolver=self, use_dns_cache=False, force_close=True, happy_eyeballs_delay=NEXT_HOST, ssl=tls
        )
