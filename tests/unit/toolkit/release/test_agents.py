"""`bgctl up` leaves the agents of a swarm alone where nothing of theirs has changed, and all are heard."""

import pytest

from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import report, state
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.release import agents
from toolkit.swarm.layout import AGENT

pytestmark = pytest.mark.whole


@pytest.fixture
def managers(world: World, server: RedisServer) -> Managers:
    found = Managers(world, server, "web1", "web2")
    project = found.bgctl()
    with project.change("up"):
        project.save(state(1))
    with server.client() as client:
        for node in ("web1", "web2"):
            report(client, node, 1, 1)
    return found


def start(managers: Managers) -> str:
    (step,) = agents.steps(managers.bgctl())
    return step.do()


def test_they_run_on_where_nothing_has_changed(managers: Managers) -> None:
    managers.engine.current = {AGENT}
    assert start(managers) == "run already on web1, web2"
    assert managers.engine.asked == []


def test_they_are_replaced_where_something_has(managers: Managers) -> None:
    assert start(managers) == "on web1, web2"
    assert managers.engine.asked == [f"up {AGENT}"]


def test_they_are_started_anew_where_one_is_not_heard(managers: Managers, server: RedisServer) -> None:
    managers.engine.current = {AGENT}
    with server.client() as client:
        report(client, "web2", 1, 1, age=60)
    start(managers)
    assert managers.engine.asked == [f"up {AGENT}"]
