"""A project whose proxy serves challenges, and a real authority."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.pebble import Pebble, pebble
from tests.unit.toolkit.support.acme_worlds import AcmeWorld
from tests.unit.toolkit.support.worlds import World


@pytest.fixture
def acme(world: World) -> Iterator[AcmeWorld]:
    one = AcmeWorld(world)
    yield one
    one.stop()


@pytest.fixture
def authority(acme: AcmeWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """Checks hosts at the project's proxy."""
    with pebble(tmp_path_factory.mktemp("pebble"), acme.edge.plain.server_port) as one:
        acme.asks(one.directory, one.ca_file)
        yield one
