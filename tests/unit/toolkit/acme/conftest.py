"""A project whose proxy serves challenges, and a real authority, which asks it."""

from collections.abc import Iterator
from time import sleep
from types import SimpleNamespace

import pytest

from testbed.pebble import Pebble, pebble
from testbed.ports import Ports
from tests.unit.toolkit.support.acme_worlds import AcmeWorld
from tests.unit.toolkit.support.worlds import World


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library looks more often than once a second."""
    hasty = SimpleNamespace(sleep=lambda seconds: sleep(min(seconds, 0.05)))
    monkeypatch.setattr("acme.client.time", hasty)


@pytest.fixture(scope="module")
def port() -> int:
    """At which the authority asks."""
    return Ports.free().proxy


@pytest.fixture(scope="module")
def authority(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble"), port, refused=("refused.example",)) as one:
        yield one


@pytest.fixture
def acme(world: World, port: int, authority: Pebble) -> Iterator[AcmeWorld]:
    """Its proxy runs, with a certificate that nobody believes."""
    one = AcmeWorld(world, port).asks(authority.directory, authority.ca_file)
    one.start()
    yield one
    one.stop()
