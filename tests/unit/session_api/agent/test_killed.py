"""An agent that is killed at each point of its work: the file is whole, and no node goes back."""

import itertools
import signal
from collections.abc import Callable

import pytest
from redis import Redis

from session_api.agent.last import Last
from session_api.cluster.document import Document
from tests.unit.session_api.support.agents import KEYS, Node, put, state_text
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually

pytestmark = pytest.mark.whole
DYING = ("-m", "tests.unit.session_api.support.dying_agent")
OLD, NEW = state_text(5), state_text(6)
ALL_WRITTEN = "the folder of state.json is written"
CALLS = 16  # node.json, agent.json, state.json, node.json: four calls each


def test_killed_at_each_point_it_never_goes_back(server: RedisServer, node: Callable[..., Node]) -> None:
    seen = []
    with server.client() as client:
        for point in itertools.count():
            web = node(f"web{point}")
            if not is_killed_at(point, web, client):
                break
            assert web.text in (OLD, NEW)
            seen.append(web.text)
            put(client, 2, 5)  # Redis loses the last write
            client.delete(KEYS.node(web.name))
            web.start()
            web.reports(client, fence=2, generation=6 if seen[-1] == NEW else 5, error=None)
            assert web.text == seen[-1]
            web.has(put(client, 3, 7))
            web.kill()
    assert point == CALLS
    assert seen == sorted(seen), "once the new one is there, it stays"
    assert {OLD, NEW} == set(seen)


def is_killed_at(point: int, web: Node, client: Redis) -> bool:
    """Whether the agent comes to that point while it writes NEW over OLD; else it does all of its work."""
    (web.state.parent / "node.json").write_text('{"confirmed": true}')
    Last(web.state).write(Document(2, OLD))
    put(client, 2, 6)
    agent = web.start(*DYING, str(point))
    eventually(lambda: agent.process.poll() is not None or agent.events(ALL_WRITTEN), bool)
    return not agent.events(ALL_WRITTEN) and agent.ended() == -signal.SIGKILL
