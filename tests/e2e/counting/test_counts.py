"""The count against the truth, at the size of a company, on both stores, and through the worst."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import requests

from testbed.load.crowd import Crowd
from testbed.load.truth import Count
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

IDLE = 600  # seconds, longer than a test
PATIENCE = 90.0

STORES = {"sqlite": "", "redis": "redis://redis:6379/0"}
# How many sessions and visitors there are, and the seconds of log-ins, log-outs and requests. The short form
# is twice what goes into one report (BATCH in lua/bg/activity/reporter.lua).
SIZES = {"short": (2000, 80, 6.0), "long": (5000, 200, 12.0)}
# How many sessions there are when session API and store are killed, and the idle time in seconds: longer than
# all of them take to make a request. The proxy's memory has to reach back for as long.
LOST = {"short": (1000, 25), "long": (5000, 60)}

pytestmark = pytest.mark.timeout(900)  # minutes of load; a slow machine may take its time


def forms(store: str) -> list[Any]:
    """The short form on this store; on the other one, and all long ones, are in `make faults`."""
    everything = product(SIZES, STORES)
    return [
        pytest.param(*each, marks=[] if each == ("short", store) else pytest.mark.faults)
        for each in everything
    ]


@contextmanager
def site_on(store: str, idle: int, directory: Path) -> Iterator[Stack]:
    with running(directory / "project", idle_timeout=f"{idle}s", store=STORES[store]) as one:
        one.bgctl("up-green", NEW)
        yield one


def counted(stack: Stack) -> dict[str, Count] | None:
    """What the session API says; None while it does not answer, or does not know."""
    try:
        census = stack.census()
    except requests.RequestException:
        return None
    if census["unknown"]:
        return None
    return {
        version: Count(count["sessions"], count["users"], count["anonymous"])
        for version, count in census["versions"].items()
    }


async def agree(stack: Stack, crowd: Crowd) -> None:
    """At rest, the count is the truth: nobody's idle window ends near the moment at which we look."""
    end = time.monotonic() + PATIENCE
    while True:
        truth, seen = crowd.truth(), await asyncio.to_thread(counted, stack)
        if seen == truth and crowd.steady(2, 2):
            return
        assert time.monotonic() < end, f"counted {seen}, but it is {truth}"
        await asyncio.sleep(0.05)


async def watch(stack: Stack, crowd: Crowd, done: asyncio.Event) -> float:
    """By how much a count is behind, at most, in seconds: each number is the truth of some moment."""
    truths, counts = [], []
    while not done.is_set():
        truths.append((time.time(), crowd.truth()))
        counts.append((await asyncio.to_thread(counted, stack), time.time()))
    truths.append((time.time(), crowd.truth()))
    lags = [0.0]
    for seen, at in counts:
        assert seen is not None
        for version, field in product(seen, Count._fields):
            course = [(then, getattr(truth[version], field)) for then, truth in truths if version in truth]
            lag = lag_of(getattr(seen[version], field), course, at)
            assert lag is not None, f"{field} on {version}: {seen[version]} was never so"
            lags.append(lag)
    return max(lags)


def lag_of(value: int, course: list[tuple[float, int]], at: float) -> float | None:
    """Seconds before `at` of the moment next to it at which the truth was `value`, or passed it; None: never.

    A count may be ahead of us: of what has been done already, but not answered yet.
    """
    passed = [
        after for (_, low), (after, high) in pairwise(course) if min(low, high) <= value <= max(low, high)
    ]
    return min((max(0.0, at - then) for then in passed), default=None)


async def stir(crowd: Crowd, seconds: float) -> None:
    """People come to the new version and leave the old one, so that each number only goes one way.

    One that went up and down could do so between two of our looks.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.gather(crowd.log_in(5), crowd.log_out(5, version=OLD), crowd.touch(50), crowd.visit(2))
        await asyncio.sleep(0.2)  # between two bursts, not for anything to happen


async def fill(stack: Stack, crowd: Crowd, sessions: int, visitors: int) -> None:
    await crowd.log_in(sessions // 2)
    await asyncio.to_thread(stack.bgctl, "route", "enable-green")
    await crowd.log_in(sessions // 2)
    await crowd.visit(visitors)
    await crowd.touch(sessions)


@pytest.mark.parametrize(("form", "store"), forms("sqlite"))
def test_thousands_of_sessions_are_counted_exactly(form, store, tmp_path):
    sessions, visitors, moving = SIZES[form]

    async def scenario(site: Stack) -> None:
        async with Crowd(site.url, idle=IDLE) as crowd:
            await fill(site, crowd, sessions, visitors)
            await agree(site, crowd)
            truth = crowd.truth()
            assert (truth[OLD].sessions, truth[NEW].sessions) == (sessions // 2, sessions // 2)
            assert truth[NEW].visitors == visitors

            done = asyncio.Event()
            watching = asyncio.create_task(watch(site, crowd, done))
            await stir(crowd, moving)
            done.set()
            behind = await watching
            print(f"\ncount behind the truth by {behind:.2f} s at most, while moving ({store})")
            await agree(site, crowd)

    with site_on(store, IDLE, tmp_path) as site:
        asyncio.run(scenario(site))


@pytest.mark.threat(51, 52, 54)
@pytest.mark.parametrize(("form", "store"), forms("redis"))
def test_51_52_54_the_count_is_exact_again_after_session_api_and_store_were_killed(form, store, tmp_path):
    """Requests go on meanwhile; log-ins and log-outs were acknowledged before."""
    sessions, idle = LOST[form]
    services = ["session-api", *(["redis"] if store == "redis" else [])]

    async def scenario(site: Stack) -> None:
        async with Crowd(site.url, idle=idle) as crowd:
            await fill(site, crowd, sessions, visitors=200)
            # An emptied store is known again once the proxy's memory reaches back a whole window.
            while time.time() - proxy_since(site) < idle + 5:
                await crowd.trickle(200, 2)
            await crowd.log_out(100)
            for service in services:
                site.container(service).kill("KILL")
            eventually(lambda: site.proxy_status()["activity"]["error"], "the proxy notices")
            await crowd.touch(500)
            await crowd.revisit(50)
            assert counted(site) is None, "unknown, and not what it was"
            for service in reversed(services):
                site.container(service).start()
            await crowd.trickle(200, 3)
            await until_answers(site)
            await crowd.log_out(50)
            await crowd.log_in(50)
            await crowd.touch(sessions)
            await agree(site, crowd)
        assert site.proxy_status()["activity"]["dropped"] == 0

    with site_on(store, idle, tmp_path) as site:
        asyncio.run(scenario(site))


def proxy_since(stack: Stack) -> float:
    started = stack.container("proxy").attrs["State"]["StartedAt"]
    return time.mktime(time.strptime(started[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


async def until_answers(stack: Stack) -> None:
    def answers() -> bool:
        try:
            return requests.get(f"{stack.api_url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    await asyncio.to_thread(eventually, answers, "the session API answers again")
