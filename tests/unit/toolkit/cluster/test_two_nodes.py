"""A switch over two nodes: real agents, a real redis-server, and a proxy each that routes by its file."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from tests.unit.session_api.support.agents import KEYS, Node
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually
from tests.unit.toolkit.support.clusters import CONTROL, Desk, report, state
from toolkit.clients.http import Unreachable
from toolkit.clients.proxy import reachable
from toolkit.cluster.cluster_proxy import ClusterProxy
from toolkit.config import Drain
from toolkit.errors import Failed, Refused
from toolkit.values import Duration

pytestmark = pytest.mark.whole
LONG = 60.0  # seconds; they end as soon as it is so


class World:
    """Two nodes and one bgctl. Both follow generation 1."""

    def __init__(self, server: RedisServer, node: Callable[..., Node]) -> None:
        self.server, self.nodes = server, [node("web1"), node("web2")]
        self.agents = [each.start() for each in self.nodes]
        self.desk = Desk(server, "web1", "web2")
        self.proxy = self.desk.cluster.proxy(CONTROL)
        self.switch(1)

    def switch(self, generation: int, **how: object) -> None:
        self.desk.publish(state(generation), **how)
        self.proxy.wait_applied(generation, LONG)


@pytest.fixture
def world(server: RedisServer, node: Callable[..., Node]) -> World:
    return World(server, node)


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        yield client


def test_a_switch_is_in_force_when_every_worker_of_every_node_has_it(world: World) -> None:
    one, other = world.nodes
    world.switch(2)
    assert one.text == other.text
    status = world.proxy.status()
    assert (len(status.workers), status.expected, status.generation) == (4, 4, 2)
    other.stuck_at = 2
    world.desk.publish(state(3))
    eventually(lambda: world.proxy.status().parts["web1"].generation, lambda seen: seen == 3)
    assert not world.proxy.status().applied(3)
    with pytest.raises(Failed, match=r"did not apply generation 3 within 0\.2 s"):
        world.proxy.wait_applied(3, 0.2)
    other.stuck_at = None
    world.proxy.wait_applied(3, LONG)


def test_workers_that_one_has_too_many_stand_in_for_nobodys(world: World) -> None:
    one, other = world.nodes
    one.workers, other.workers = 3, 1
    world.desk.publish(state(2))
    status = eventually(
        world.proxy.status, lambda seen: [len(each.workers) for each in seen.parts.values()] == [3, 1]
    )
    assert len(status.live) == status.expected
    assert not status.applied(2)


def test_a_node_without_its_agent_is_named_and_can_be_left_out(world: World) -> None:
    world.agents[1].kill()
    silent = eventually(world.proxy.status, lambda seen: bool(seen.missing))
    assert silent.missing["web2"].startswith("has been silent for ")
    assert not silent.applied(1)
    assert str(silent.state_error).startswith("web2 has been silent")
    with pytest.raises(Failed, match="web2 has been silent"):
        world.proxy.wait_applied(1, 0.1)
    with pytest.raises(Refused, match="web2 has been silent"):
        world.desk.publish(state(2))
    world.switch(2, without={"web2"})
    assert world.nodes[1].text != world.nodes[0].text
    world.nodes[1].start()
    eventually(lambda: world.nodes[1].text, lambda text: text == world.nodes[0].text)
    world.switch(3)


def test_a_node_that_left_is_not_waited_for(world: World) -> None:
    world.agents[1].kill()
    world.desk.members = {"web1"}
    eventually(world.desk.cluster.look, lambda seen: seen.members == {"web1"})
    world.switch(2)


def test_what_is_open_is_the_sum_and_empty_is_empty_everywhere(world: World) -> None:
    world.nodes[0].open, world.nodes[1].open = 2, 3
    said: list[str] = []
    eventually(lambda: world.proxy.status().slots["blue"].open, lambda seen: seen == 5)

    def tell(text: str) -> None:
        said.append(text)
        world.nodes[len(said) % 2].open = 0

    patient = Drain(request_deadline=Duration(LONG))
    assert world.proxy.wait_empty("blue", 1, patient, tell) == "is empty"
    assert said[0] == "blue has 5 requests and 0 WebSockets open"


def test_a_proxy_that_is_down_is_named(world: World) -> None:
    world.nodes[1].proxy.answers["/status"] = (500, b"")
    status = eventually(world.proxy.status, lambda seen: bool(seen.missing))
    assert status.missing == {"web2": "says: the proxy gives no good answer: status 500"}
    assert not status.applied(1)


def test_redis_gone_is_no_answer_and_all_goes_on_when_it_is_back(world: World) -> None:
    world.server.kill()
    with pytest.raises(Unreachable, match=r"Redis at unix://.* gives no answer"):
        world.proxy.status()
    assert reachable(world.proxy) is None
    with pytest.raises(Refused, match="gives no answer") as caught:
        world.desk.publish(state(2))
    assert "all proxies go on" in caught.value.next
    before = world.nodes[0].text
    world.server.start()  # empty
    with world.server.client() as client:
        eventually(lambda: world.nodes[1].report(client).get("state"), bool)
    assert world.desk.cluster.state() == state(1)
    world.switch(2)
    assert "Redis has lost the state of generation 1 (it had no state)" in world.desk.told[0]
    assert world.nodes[0].text == world.nodes[1].text != before


def test_nobody_reports_at_all(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1")
    proxy = desk.cluster.proxy(CONTROL)
    assert isinstance(proxy, ClusterProxy)
    with pytest.raises(Unreachable, match="web1 has not reported yet"):
        proxy.status()
    desk.members = set()
    desk.cluster._asked = -1e9
    with pytest.raises(Unreachable, match="there are no nodes"):
        proxy.status()


def test_a_node_with_a_newer_state_than_redis_is_named(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1")
    desk.publish(state(1), starts=True)
    report(client, "web1", 57, 1)
    status = desk.cluster.proxy(CONTROL).status()
    assert not status.applied(1)
    assert status.missing["web1"].startswith("has a newer state than Redis (57.1 and 1.1)")


def test_a_node_that_is_left_out_counts_and_is_not_waited_for(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1", "web2")
    for name in ("web1", "web2"):
        report(client, name, 0, 0)
    desk.publish(state(2), without={"web2"})
    fence = int(client.get(KEYS.fence) or 0)
    open_ = {"blue": {"open": 3}}
    report(client, "web1", fence, 2)
    behind = {"workers": [{"pid": 1, "generation": 1}], "workersExpected": 1, "slots": open_}
    report(client, "web2", 1, 1, status=behind)
    status = desk.cluster.proxy(CONTROL).status()
    assert status.applied(2)
    assert status.slots["blue"].open == 3
