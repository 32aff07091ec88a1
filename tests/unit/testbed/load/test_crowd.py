"""The crowd's bookkeeping: against the rules, and against what a server has really seen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from testbed.load import Count, Crowd, CrowdError
from testbed.load.truth import Truth
from tests.unit.testbed.support.play import NEW, OLD, run
from tests.unit.testbed.support.stage import Stage, claims_of, stage_of

IDLE = 10.0


class Witness:
    """Counts as a session API would, from the requests and answers that pass the proxy."""

    def __init__(self, stage: Stage) -> None:
        self.seen: dict[str, tuple[str | None, str]] = {}
        self.connections: set[object] = set()
        stage.proxy.trick = self.look

    async def look(self, request: web.Request, version: str) -> None:
        self.connections.add(request.transport)
        token, pin = request.cookies.get("bg_session"), request.cookies.get("bg_pin")
        claims = claims_of(token or pin or "e30.e30.c2ln")
        if request.path == "/logout":
            del self.seen[claims["sid"]]
        elif claims:
            self.seen[claims["sid"]] = (claims.get("userId"), version)

    def counts(self, version: str) -> Count:
        users = [user for user, place in self.seen.values() if place == version]
        log_ins = [user for user in users if user]
        return Count(len(log_ins), len(set(log_ins)), users.count(None))


def test_a_crowd_knows_the_truth_about_itself(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, OLD, NEW) as stage, Crowd(stage.url, idle=0, connections=8) as crowd:
            await crowd.log_in(100)
            witness = Witness(stage)
            stage.proxy.current = NEW
            await crowd.log_in(50)
            await crowd.touch(150)
            await crowd.visit(20)
            assert crowd.truth() == {OLD: Count(100, 80, 0), NEW: Count(50, 40, 20)}
            await crowd.log_out(30, version=OLD)
            await crowd.revisit(5)
            await crowd.trickle(rate=500, seconds=0.1)
            truth = crowd.truth()
            assert (truth[OLD].sessions, truth[NEW]) == (70, Count(50, 40, 20))
            assert {version: witness.counts(version) for version in (OLD, NEW)} == truth
            assert len(witness.connections) <= 8
            stage.proxy.migrate = True
            await crowd.touch(120, page=True)
            truth = crowd.truth()
            assert truth[OLD] == Count(0, 0, 0) and truth[NEW] == witness.counts(NEW)
            assert truth[NEW].sessions == 120

    run(scenario())


def test_a_failure_in_the_crowd_is_raised(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, OLD) as stage, Crowd(stage.url, idle=0) as crowd:
            stage.sessions.status = 503
            with pytest.raises(CrowdError, match="status 503"):
                await crowd.log_in(20)

    run(scenario())


def test_who_is_idle_is_not_active_and_who_comes_back_is() -> None:
    book = Truth(IDLE)
    book.answered("a", "ada", OLD, 100.0)
    book.answered("v", None, OLD, 105.0)
    assert book.counts(109.9) == {OLD: Count(1, 1, 1)}
    assert book.counts(110.0) == {OLD: Count(0, 0, 1)} and book.changed(110.0) == {OLD: 110.0}
    assert book.counts(115.0) == {OLD: Count(0, 0, 0)} and book.changed(200.0) == {OLD: 115.0}
    book.answered("a", "ada", NEW, 120.0)
    assert book.counts(120.0) == {OLD: Count(0, 0, 0), NEW: Count(1, 1, 0)}
    book.gone("a", 121.0)
    assert book.counts(121.0)[NEW] == Count(0, 0, 0) and book.changed(121.0) == {OLD: 120.0, NEW: 121.0}


def test_steady_looks_both_ways() -> None:
    book = Truth(IDLE)
    book.answered("a", "ada", OLD, 100.0)
    book.answered("a", "ada", OLD, 103.0)
    assert not book.steady(101.0, before=2, after=2), "it has just changed"
    assert book.steady(105.0, before=2, after=2), "a request by itself changes nothing"
    assert not book.steady(112.0, before=2, after=2), "it is about to change"
    assert not book.steady(113.5, before=2, after=2) and book.steady(116.0, before=2, after=2)


ASKED = st.tuples(st.integers(0, 5), st.sampled_from([OLD, NEW]), st.floats(0.1, 5), st.booleans())


@given(st.lists(ASKED, max_size=40))
def test_counts_are_those_of_a_look_at_everyone(asked: list[tuple[int, str, float, bool]]) -> None:
    """Two ids to a user; against a book that is written anew for every look. Who has left stays away."""
    book, now, last, left = Truth(IDLE), 1000.0, {}, set()
    for number, version, pause, leaves in asked:
        now += pause
        book.answered(f"s{number}", f"u{number // 2}", version, now)
        if number not in left:
            last[number] = (version, now)
        if leaves and number not in left:
            book.gone(f"s{number}", now)
            del last[number]
            left.add(number)
        for place in (OLD, NEW):
            here = {n for n, (version, then) in last.items() if version == place and now - then < IDLE}
            found = book.counts(now).get(place, Count(0, 0, 0))
            assert found == Count(len(here), len({n // 2 for n in here}), 0)
            assert book.changed(now).get(place, now) <= now


def test_times_of_a_crowd_are_those_of_the_clock(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, OLD) as stage, Crowd(stage.url, idle=1000) as crowd:
            before = time.time()
            await crowd.log_in(3)
            assert before <= crowd.changed()[OLD] <= time.time()
            assert crowd.truth(before + 2000) == {OLD: Count(0, 0, 0)}
            assert crowd.steady(0, 1) and not crowd.steady(1000, 1)

    run(scenario())
