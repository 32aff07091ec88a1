"""A switch on several hosts: real agents, a real redis-server, and a proxy each that routes by state.json."""

from collections.abc import Callable
from functools import partial

import pytest
from redis import Redis

from session_api.cluster import document as documents
from session_api.cluster.document import Document
from tests.unit.session_api.support.agents import KEYS, Node, state_text
from tests.unit.session_api.support.cluster_fixtures import node, server, start_redis
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import CANDIDATE, READY, World
from toolkit.errors import Refused
from toolkit.project import Project
from toolkit.release import route

pytestmark = pytest.mark.whole
__all__ = ["node", "server", "start_redis"]

RELEASE = {"id": "20260115-103000", "from": "1.6.7", "to": "1.6.8", "startedAt": "2026-01-15T10:30:00Z"}


def publish(client: Redis, generation: int, phase: str) -> str:
    slots = {"blue": READY, "green": CANDIDATE}
    release = {**RELEASE, "step": "candidate"}
    text = state_text(generation, phase=phase, deployment=release, slots=slots)
    client.set(KEYS.document, documents.encode(Document(generation, text)))
    return text


@pytest.fixture
def nodes(node: Callable[..., Node]) -> dict[str, Node]:
    return {name: node(name) for name in ("web1", "web2")}


@pytest.fixture
def shop(world: World, server: RedisServer, nodes: dict[str, Node]) -> Project:
    """Green is the candidate, and each node knows it."""
    managers = Managers(world, server, *nodes)
    managers.engine.there |= {"frontend-blue", "frontend-green"}
    with server.client() as client:
        text = publish(client, 2, "candidate")
        for each in nodes.values():
            each.start()
            each.has(text)
            each.reports(client, fence=2, generation=2, error=None)
    return managers.bgctl()


def test_nobody_is_sent_to_green_while_a_node_does_not_know_it(
    shop: Project, server: RedisServer, nodes: dict[str, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would give green's sessions to blue: the version is none that it has heard of."""
    monkeypatch.setattr(route, "KNOWN", 1.0)
    nodes["web2"].stuck_at = 1
    with server.client() as client:
        eventually(partial(nodes["web2"].report, client), lambda seen: seen["status"]["generation"] == 1)
        with pytest.raises(Refused, match=r"not every node knows of 1\.6\.8 yet") as caught:
            route.run(shop, "enable-green")
        assert "generation 2" in caught.value.why and "nobody is sent there" in caught.value.why
        assert shop.state().phase == "candidate"
        nodes["web2"].stuck_at = None
        monkeypatch.undo()
        assert route.run(shop, "enable-green").phase == "draining"
