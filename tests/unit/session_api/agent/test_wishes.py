"""What is wished of a node gets into its node.json: real agents, a real redis-server."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from tests.unit.session_api.support.agents import KEYS, Node, wish
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually

pytestmark = pytest.mark.whole
SINCE = "2026-01-15T10:30:00Z"
DRAINED = {"drain": True, "since": SINCE, "why": "new kernel"}


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        yield client


def does(web: Node, **members: object) -> None:
    """Returns when node.json has these members."""
    eventually(lambda: web.file, lambda file: members.items() <= file.items())


def test_a_wish_is_for_one_node_and_is_reported_with_what_the_proxy_makes_of_it(
    client: Redis, node: Callable[..., Node]
) -> None:
    one, other = node("web1"), node("web2")
    for each in (one, other):
        each.start()
    wish(client, "web1", 3, **DRAINED)
    does(one, **DRAINED, fence=3, heardFor=one.began)
    one.reports(client, wish={**DRAINED, "fence": 3, "leave": 0})
    workers = eventually(
        lambda: one.report(client)["status"]["workers"], lambda seen: all(each["drained"] for each in seen)
    )
    assert len(workers) == 2
    other.reports(client, node="web2")
    assert "drain" not in other.file
    wish(client, "web1", 4)
    does(one, drain=False, since=None, why="", heardFor=one.began)


def test_of_one_lease_the_greater_count_is_the_newer_wish(client: Redis, node: Callable[..., Node]) -> None:
    web = node()
    web.start()
    wish(client, "web1", 3, **DRAINED)
    does(web, leave=0, **DRAINED)
    wish(client, "web1", 3, **DRAINED, leave=1)
    does(web, leave=1, **DRAINED)


@pytest.mark.parametrize("lost", ["all", "the last write"])
def test_a_drained_node_stays_so_whatever_redis_has_lost(
    lost: str, client: Redis, node: Callable[..., Node]
) -> None:
    web = node()
    agent = web.start()
    wish(client, "web1", 5, **DRAINED)
    does(web, **DRAINED)
    if lost == "all":
        client.flushall()
    else:
        wish(client, "web1", 4)
    agent.kill()
    client.delete(KEYS.node("web1"))
    web.start()  # as after a reboot
    web.reports(client, wish={**DRAINED, "fence": 5, "leave": 0})
    does(web, **DRAINED, heardFor=web.began)


def test_members_that_are_not_known_here_stay(client: Redis, node: Callable[..., Node]) -> None:
    web = node()
    (web.state.parent / "node.json").write_text('{"later": [1]}')
    web.start()
    wish(client, "web1", 1, **DRAINED)
    does(web, **DRAINED, later=[1], heardFor=web.began)


@pytest.mark.parametrize("text", ["{", "[]", '{"fence": "x"}', b"\xff"])
def test_what_is_no_wish_changes_nothing_and_is_logged_once(
    text: str | bytes, client: Redis, node: Callable[..., Node]
) -> None:
    web = node()
    agent = web.start()
    wish(client, "web1", 1, **DRAINED)
    does(web, **DRAINED)
    client.set(KEYS.wish("web1"), text)
    eventually(lambda: agent.events("wishes of this node cannot be used"), lambda lines: len(lines) == 1)
    does(web, **DRAINED, fence=1)
    wish(client, "web1", 2)
    does(web, drain=False)
    assert len(agent.events("cannot be used")) == 1


def test_a_file_that_was_damaged_is_written_anew_from_redis(client: Redis, node: Callable[..., Node]) -> None:
    web = node()
    (web.state.parent / "node.json").write_text("{")
    web.proxy.answers["/status"] = (500, b"")  # it reads the file, too
    wish(client, "web1", 7, **DRAINED)
    web.start()
    eventually(lambda: (web.state.parent / "node.json").read_text() != "{", bool)
    does(web, **DRAINED)
