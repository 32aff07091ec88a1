"""A lab that the tests of this folder share. Each leaves it as it was: all nodes on, connected and ready."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from testbed.cluster import Lab, Node, laboratory
from testbed.cluster.node import NodeError
from testbed.cluster.redis import Redis
from testbed.cluster.registry import pull
from testbed.cluster.waiting import eventually
from testbed.project import IMAGES
from tests.cluster.shop import NEEDED, PLACE, Shop

APP = f"localhost/{IMAGES}/demo-app:1.6.7"


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    if os.geteuid():
        pytest.skip("a lab's nodes need root, for their namespaces")
    with laboratory(images=[APP]) as one:
        yield one


@contextmanager
def running(lab: Lab) -> Iterator[Shop]:
    """A project on OLD. Its commands are typed on the second node, which has the Redis, too."""
    pull(lab.nodes, lab.registry.push(NEEDED))
    store = Redis(lab.nodes[1])
    store.start(empty=True)
    found = Shop(lab, lab.nodes[1], store).create()
    try:
        found.bgctl("up")
        yield found
        found.bgctl("down", "--yes")
    finally:
        store.kill()
        forget(lab)


def forget(lab: Lab) -> None:
    """The next project of this name begins with nothing."""
    lab.swarm.docker("stack", "rm", "shop")
    for node in lab.nodes:
        shutil.rmtree(node.folder / PLACE.relative_to("/"), ignore_errors=True)
        eventually(partial(_is_bare, node), f"{node.name} has nothing of it", unless=(NodeError,))


def _is_bare(node: Node) -> bool:
    """Raises NodeError while containers have its volumes."""
    for volume in node.docker("volume", "ls", "--quiet", "--filter", "name=shop_").split():
        node.docker("volume", "rm", volume)
    return True
