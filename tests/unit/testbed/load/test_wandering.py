"""A load on several hosts: it goes to all, passes over one that is down, and sends again what may be."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from testbed.load import Load
from tests.unit.testbed.support.play import OLD, run, until
from tests.unit.testbed.support.stage import stage_of

pytestmark = pytest.mark.whole
HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


@contextlib.asynccontextmanager
async def hosts(key: Path, *up: str) -> AsyncIterator[tuple[Load, Counter[str], int]]:
    """A load on HOSTS, of which `up` serve; how many requests each of those got, and their port."""
    asked: Counter[str] = Counter()
    async with stage_of(key, OLD) as stage:

        async def count(request: web.Request, version: str) -> None:
            assert request.transport
            asked[request.transport.get_extra_info("sockname")[0]] += 1

        stage.proxy.trick = count
        runner = web.AppRunner(stage.proxy.app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        port = 0
        for host in up:
            site = web.TCPSite(runner, host, port)
            await site.start()
            port = site.port
        load = Load(f"http://shop.example:{port}", served={OLD}, rate=200, timeout=30, hosts=HOSTS)
        await load.start()
        try:
            yield load, asked, port
        finally:
            await load.stop()
            await runner.cleanup()


def test_a_session_is_served_by_all_hosts(service_key: Path) -> None:
    async def scenario() -> None:
        async with hosts(service_key, *HOSTS) as (load, asked, _):
            load.spawn("cookie")
            load.spawn("websocket")
            await load.regulars.arrive(1)
            await until(lambda: all(asked[host] > 10 for host in HOSTS))
            final = await load.stop()
        assert final.clean and final.requests >= 30 and final.kept == 3, final.failures

    run(scenario())


def test_a_host_that_refuses_is_passed_over(service_key: Path) -> None:
    async def scenario() -> None:
        async with hosts(service_key, *HOSTS[:2]) as (load, asked, _):
            load.spawn("cookie", 3)
            await until(lambda: all(asked[host] > 30 for host in HOSTS[:2]))
            final = await load.stop()
        assert final.clean and not final.resent and set(asked) == set(HOSTS[:2]), final.failures

    run(scenario())


def test_what_a_host_has_dropped_is_sent_to_another_unless_it_changes_something(service_key: Path) -> None:
    """The third host takes connections, and closes them when it has heard the request."""
    dropped: Counter[str] = Counter()

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dropped[(await reader.readuntil(b" ")).decode().strip()] += 1
        writer.close()

    async def scenario() -> None:
        async with hosts(service_key, *HOSTS[:2]) as (load, _, port):
            server = await asyncio.start_server(drop, HOSTS[2], port)
            load.spawn("cookie", 3)
            await until(lambda: dropped["POST"] > 2 and dropped["GET"] > 20)
            final = await load.stop()
            server.close()
        assert final.failed == dropped["POST"] and final.flipped == 0, final.failures
        assert {failure.method for failure in final.failures} == {"POST"}

    run(scenario())


def test_what_is_lost_at_a_host_that_is_away_is_counted_apart(service_key: Path) -> None:
    """The third host hears requests and drops them; only for a while the load knows that it is away."""
    dropped: Counter[bool] = Counter()

    async def scenario() -> None:
        async with hosts(service_key, *HOSTS[:2]) as (load, _, port):
            is_away = True

            async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if (await reader.readuntil(b" ")).startswith(b"POST"):
                    dropped[is_away] += 1
                writer.close()

            load.set_away([HOSTS[2]])
            server = await asyncio.start_server(drop, HOSTS[2], port)
            load.spawn("cookie", 3)
            await until(lambda: dropped[True] > 2)
            await until(lambda: load.tally().lost == dropped[True])
            assert load.tally().failed == 0
            load.set_away([])
            is_away = False
            await until(lambda: dropped[False] > 2)
            final = await load.stop()
            server.close()
        assert final.lost + final.failed == dropped[True] + dropped[False], final.failures
        assert final.failed > 2

    run(scenario())
