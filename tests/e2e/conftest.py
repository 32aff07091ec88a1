"""Stacks for the tests: one of its own, or one that a module's tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import ports
from tests.e2e.support.shelf import Shelf
from tests.e2e.support.stacks import Stack, running

os.environ.setdefault("BGCTL_RUN", f"tests-{os.getpid()}")  # by hand too: what is made has a label


PROCESSES = 5  # at the most, for as many have ports of their own


@pytest.fixture(scope="session", autouse=True)
def _own_ports(worker_id: str) -> None:
    """What one process of the tests has found free, another one must not take before it is listened on."""
    if worker_id != "master":
        share = len(ports.PORTS) // PROCESSES
        first = int(worker_id.removeprefix("gw")) % PROCESSES * share
        ports.PORTS = ports.PORTS[first : first + share]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    one = Shelf(lambda: tmp_path_factory.mktemp("shelf") / "project")
    yield one
    one.clear()


@pytest.fixture
def stack(shelf: Shelf) -> Iterator[Stack]:
    """A stack for one test alone, on OLD and at rest, with nobody in it. Others may have had it before."""
    with shelf.lend() as one:
        yield one


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Stack]:
    """As `stack`, and nothing has happened in it yet."""
    with running(tmp_path / "project") as one:
        yield one


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for a module's tests, with a release under way: blue on OLD drains, green on NEW is ready."""
    with running(tmp_path_factory.mktemp("release") / "project") as one:
        one.start_of_release()
        yield one
