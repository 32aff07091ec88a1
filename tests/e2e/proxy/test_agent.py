"""An agent beside the real proxy: what bgctl publishes in Redis is in force, and bgctl knows when."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from msgspec.structs import replace

from session_api.cluster.keys import Keys
from tests.e2e.support.stacks import Stack
from tests.unit.session_api.support.agents import Agent, environment
from tests.unit.session_api.support.redis_server import RedisServer
from toolkit.cluster.cluster import Cluster
from toolkit.state import document
from toolkit.state.document import Gate
from toolkit.values import Address

PATIENT = 60.0  # seconds


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


def test_what_is_published_is_in_force_in_every_worker(new_stack: Stack, redis: RedisServer) -> None:
    control = Address(new_stack.control_url.removeprefix("http://"))
    state_file = new_stack.directory / "state" / "state.json"
    now = document.decode(state_file.read_bytes())
    cluster = Cluster(redis.address, new_stack.name, lambda: {"web1"})
    proxy = cluster.proxy(control)
    agent = Agent(environment(redis.address.url, new_stack.name, "web1", state_file, control.url))
    try:
        closed = replace(now, generation=now.generation + 1, gate=Gate("maintenance", "2026-01-15T10:30:00Z"))
        with cluster.change("maintenance on", starts=True):
            cluster.publish(closed)
            proxy.wait_applied(closed.generation, PATIENT)
        assert requests.get(new_stack.url, timeout=10).status_code == 503
        status = proxy.status()
        assert (len(status.live), status.missing, status.state_error) == (status.expected, {}, None)
        proxy.wait_until(lambda seen: seen.slots["blue"].health.up is True, "find blue up", PATIENT)
        with cluster.change("maintenance off"):
            cluster.publish(replace(closed, generation=closed.generation + 1, gate=None))
            proxy.wait_applied(closed.generation + 1, PATIENT)
        assert requests.get(new_stack.url, timeout=10).status_code == 200
        with redis.client() as client:
            assert client.get(Keys(new_stack.name).lease) is None
        assert agent.stop() == 0
    finally:
        agent.process.kill()
        agent.ended()
        cluster.close()
