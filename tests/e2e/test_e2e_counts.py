"""The count against the truth, at the size of a company, on both stores, and through the worst that can happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
import requests
from stacks import NEW, OLD, Stack, eventually, running

from demo.load.crowd import Crowd
from demo.load.truth import Count

IDLE = 60  # seconds
SESSIONS, VISITORS = 5000, 200
MOVING = 12.0  # seconds of log-ins, log-outs and requests
PATIENCE = 90.0

STORES = {"sqlite": "", "redis": "redis://redis:6379/0"}


@pytest.fixture(params=STORES)
def site(request, tmp_path) -> Iterator[Stack]:
    with running(tmp_path / "project", idle_timeout=f"{IDLE}s", store=STORES[request.param]) as one:
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
    """By how much the count is behind, at most, in seconds: each answer is the truth of some moment before it."""
    history: list[tuple[float, dict[str, Count]]] = []
    behind = 0.0
    while not done.is_set():
        history.append((time.time(), crowd.truth()))
        seen = await asyncio.to_thread(counted, stack)
        answered = time.time()
        history.append((answered, crowd.truth()))
        assert seen is not None
        for version in seen:
            ages = [answered - at for at, truth in history if truth.get(version) == seen[version]]
            between = in_between([truth[version] for _, truth in history if version in truth], seen[version])
            assert ages or between, f"{version}: {seen[version]} was never so"
            behind = max(behind, min(ages, default=0.0))
    return behind


def in_between(truths: list[Count], seen: Count) -> bool:
    """Whether a count lies within what two neighbouring looks at the truth have seen."""
    return any(
        all(min(a, b) <= value <= max(a, b) for a, b, value in zip(*pair, seen, strict=True))
        for pair in pairwise(truths)
    )


async def stir(crowd: Crowd, seconds: float) -> None:
    """People come, go and move about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.gather(
            crowd.log_in(5), crowd.log_out(5), crowd.log_out(3, version=OLD), crowd.touch(50), crowd.visit(2)
        )
        await asyncio.sleep(0.2)


async def fill(stack: Stack, crowd: Crowd) -> None:
    await crowd.log_in(SESSIONS // 2)
    await asyncio.to_thread(stack.bgctl, "route", "enable-green")
    await crowd.log_in(SESSIONS // 2)
    await crowd.visit(VISITORS)
    await crowd.touch(SESSIONS)


def test_five_thousand_sessions_are_counted_exactly(site, record_property):
    async def scenario() -> None:
        async with Crowd(site.url, idle=IDLE) as crowd:
            await fill(site, crowd)
            await agree(site, crowd)
            truth = crowd.truth()
            assert (truth[OLD].sessions, truth[NEW].sessions) == (SESSIONS // 2, SESSIONS // 2)
            assert truth[NEW].visitors == VISITORS

            done = asyncio.Event()
            watching = asyncio.create_task(watch(site, crowd, done))
            await stir(crowd, MOVING)
            done.set()
            behind = await watching
            record_property("seconds behind, at most, while moving", round(behind, 2))
            print(
                f"\ncount behind the truth by {behind:.2f} s at most, while moving ({site.store or 'sqlite'})"
            )
            await agree(site, crowd)

    asyncio.run(scenario())


def test_51_52_54_the_count_is_exact_again_after_session_api_and_store_were_killed(site):
    """Killed in the middle of it all; requests go on meanwhile, log-ins and log-outs were acknowledged before."""
    services = ["session-api", *(["redis"] if site.store else [])]

    async def scenario() -> None:
        async with Crowd(site.url, idle=IDLE) as crowd:
            await fill(site, crowd)
            # An emptied store is known again once the proxy's memory reaches back a whole window.
            while time.time() - proxy_since(site) < IDLE + 5:
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
            await crowd.touch(SESSIONS)
            await agree(site, crowd)
        assert site.proxy_status()["activity"]["dropped"] == 0

    asyncio.run(scenario())


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
