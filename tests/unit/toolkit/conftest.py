"""HTTP servers and projects for the toolkit's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.session_api.support.cluster_fixtures import server, start_redis
from tests.unit.toolkit.support.release_worlds import ReleaseWorld
from tests.unit.toolkit.support.worlds import World
from tests.web_server import Web

__all__ = ["release", "server", "start_redis", "web", "world"]


@pytest.fixture
def web() -> Iterator[Callable[[], Web]]:
    servers: list[Web] = []

    def start() -> Web:
        servers.append(Web())
        return servers[-1]

    yield start
    for each in servers:
        each.stop()


@pytest.fixture
def world(tmp_path: Path, web: Callable[[], Web]) -> World:
    return World(tmp_path, web)


@pytest.fixture
def release(tmp_path: Path, web: Callable[[], Web]) -> ReleaseWorld:
    return ReleaseWorld(tmp_path, web)
