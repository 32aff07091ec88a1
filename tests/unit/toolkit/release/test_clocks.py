"""Clocks that differ by minutes: told, and no release begins. Real Redis, whose own clock is one of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import report, state
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.cluster import clocks as middle
from toolkit.errors import Refused
from toolkit.observe import hosts
from toolkit.project import Project
from toolkit.release import clocks, deploy_plan, up_green
from toolkit.release.deploy_plan import Plan
from toolkit.release.drain import Watch
from toolkit.release.remaining import DrainTerms

MINUTES = 300.0


class Nodes:
    """web1, web2 and web3, each with a clock that is ahead of this machine's by so many seconds."""

    def __init__(self, world: World, server: RedisServer) -> None:
        self.managers, self.server = Managers(world, server, "web1", "web2", "web3"), server
        project = self.managers.bgctl()
        with project.change("up"):
            project.save(state(1))

    def are_ahead(self, *seconds: float) -> Project:
        with self.server.client() as client:
            for node, ahead in zip(("web1", "web2", "web3"), seconds, strict=True):
                report(client, node, 1, 1, clock=time.time() + ahead)
        return self.managers.bgctl()


@pytest.fixture
def nodes(world: World, server: RedisServer) -> Nodes:
    return Nodes(world, server)


@pytest.mark.whole
def test_a_release_does_not_begin_where_a_clock_is_wrong(nodes: Nodes) -> None:
    project = nodes.are_ahead(0, MINUTES, 0)
    plan = Plan("1.6.8", Watch(DrainTerms()))
    with pytest.raises(Refused, match="the clock of web2 is 300 s ahead of the others") as caught:
        deploy_plan.check(project, project.state(), plan)
    assert caught.value.next == "set it by NTP: timedatectl set-ntp true, on web2"
    with pytest.raises(Refused, match="the clock of web2"):
        up_green.check_ground(project, project.state())
    assert nodes.managers.engine.asked == []


@pytest.mark.whole
def test_doctor_tells_of_less_and_a_release_begins_all_the_same(nodes: Nodes) -> None:
    project = nodes.are_ahead(0, 0, -30)
    (problem,) = hosts.clock_problems(project)
    assert "the clock of web3 is 30 s behind the others" in str(problem)
    clocks.check(project)
    assert list(hosts.clock_problems(nodes.are_ahead(0, 0.5, -0.5))) == []


@pytest.mark.whole
def test_where_all_differ_from_redis_it_is_redis(nodes: Nodes) -> None:
    project = nodes.are_ahead(-MINUTES, -MINUTES, -MINUTES)
    with pytest.raises(Refused, match="the clock of Redis is 300 s ahead of the others") as caught:
        clocks.check(project)
    assert caught.value.next.endswith("on the host of Redis")


@pytest.mark.whole
def test_an_agent_that_does_not_tell_its_time_is_no_fault(nodes: Nodes) -> None:
    with nodes.server.client() as client:
        for node in ("web1", "web2", "web3"):
            report(client, node, 1, 1)
    clocks.check(nodes.managers.bgctl())


@given(st.lists(st.floats(-2, 2), min_size=3, max_size=6), st.floats(60, 1e6), st.sampled_from([-1, 1]))
def test_one_that_is_off_is_named_whichever_it_is(good: list[float], off: float, way: int) -> None:
    ahead = {str(number): seconds for number, seconds in enumerate(good)} | {"bad": way * off}
    assert list(middle.wrong(ahead, 10.0)) == ["bad"]


@given(st.dictionaries(st.text(max_size=3), st.floats(-2, 2)))
def test_clocks_that_agree_are_right(ahead: dict[str, float]) -> None:
    assert middle.wrong(ahead, 5.0) == {}
