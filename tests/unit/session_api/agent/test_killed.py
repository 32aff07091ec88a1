"""An agent that is killed at each point of its work: the file is whole, and no node goes back."""

import json
import signal
from collections.abc import Callable

import pytest
from redis import Redis

from session_api.agent.last import Last
from session_api.cluster.document import Document
from tests.unit.session_api.support.agents import KEYS, Agent, Node, put, state_text
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually

pytestmark = pytest.mark.whole
DYING = ("-m", "tests.unit.session_api.support.dying_agent")
OLD, NEW = state_text(5), state_text(6)
CALLS = 12  # agent.json, state.json, node.json: four calls each


def test_killed_at_each_point_it_never_goes_back(server: RedisServer, node: Callable[..., Node]) -> None:
    seen = []
    with server.client() as client:
        for point in range(CALLS):
            web = node(f"web{point}")
            agent = begin(point, web, client)
            assert agent.ended() == -signal.SIGKILL
            assert web.text in (OLD, NEW)
            seen.append(web.text)
            put(client, 2, 5)  # Redis loses the last write
            client.delete(KEYS.node(web.name))
            web.start()
            web.reports(client, fence=2, generation=6 if seen[-1] == NEW else 5, error=None)
            assert web.text == seen[-1]
            web.has(put(client, 3, 7))
            web.kill()
        agent = begin(CALLS, web := node("last"), client)
        eventually(lambda: web.file, lambda said: said == {"heardFor": web.began})
        web.reports(client, fence=2, generation=6, error=None)
        assert agent.process.poll() is None, "there is no further point"
    assert seen == sorted(seen), "once the new one is there, it stays"
    assert {OLD, NEW} == set(seen)


def begin(point: int, web: Node, client: Redis) -> Agent:
    """An agent that writes NEW over OLD, and says so to its proxy, unless it comes to that point before."""
    (web.state.parent / "node.json").write_text(json.dumps({"heardFor": web.began - 60}))
    Last(web.state).write(Document(2, OLD))
    put(client, 2, 6)
    return web.start(*DYING, str(point))
