"""A project on a swarm of two nodes, which the tests of this folder share: each leaves it as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import laboratory
from testbed.cluster.redis import Redis
from testbed.project import IMAGES
from tests.e2e.swarm.placed import NEW, OLD, Placed

OURS = [f"localhost/{IMAGES}/{name}:dev" for name in ("proxy", "session-api")]
APPS = [f"localhost/{IMAGES}/demo-app:{version}" for version in (OLD, NEW, f"{NEW}-crash")]


@pytest.fixture(scope="package")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    """The stack on OLD: proxy, session API and blue on both nodes. bgctl is typed on node1, the manager."""
    if os.geteuid():
        pytest.skip("a lab's nodes need root, for their namespaces")
    folder: Path = tmp_path_factory.mktemp("swarm") / "project"
    with laboratory(2, [*OURS, *APPS], managers=1) as lab, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", lab.nodes[0].host)
        redis = Redis(lab.nodes[0])
        redis.start()
        one = Placed(lab, folder, redis)
        one.begin()
        yield one
