"""Redis servers and nodes, ended whatever a test does: fixtures of both sides of a cluster."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.session_api.support.agents import Node
from tests.unit.session_api.support.redis_server import RedisServer


@pytest.fixture
def start_redis() -> Iterator[Callable[..., RedisServer]]:
    """A function that starts a server of the test's own, with these options."""
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        started.append(RedisServer(*options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(start_redis: Callable[..., RedisServer]) -> RedisServer:
    return start_redis()


@pytest.fixture
def node(server: RedisServer, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """A function that makes a node of this server; its agent is not started yet."""
    made: list[Node] = []

    def make(name: str = "web1", store: str = server.address.url, **changes: Any) -> Node:
        made.append(Node(tmp_path, store, name, **changes))
        return made[-1]

    yield make
    for each in made:
        each.stop()
