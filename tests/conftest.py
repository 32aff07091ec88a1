"""What holds for every test: it depends neither on how fast the machine is, nor on how pytest was started.

hypothesis sets no deadlines. In the background SIGINT may be ignored, below nohup SIGHUP is, and would be by
each bgctl that a test sends it to. A handler of our own is not handed on to what we start.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import order

settings.register_profile("bgctl", deadline=None)
settings.load_profile("bgctl")
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)
# docker-compose 1.29 loads distutils, for which Debian has setuptools: to load all of that instead takes as
# long as its other work. From Python 3.12 on there is nothing else.
if any(Path("/usr/lib").glob("python3*/distutils/spawn.py")):
    os.environ.setdefault("SETUPTOOLS_USE_DISTUTILS", "stdlib")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives the processes their tests in groups; those of pytest-xdist 3.8 have no effect on pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return order.group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-randomly, whose order within each file stays."""
    items.sort(key=order.rank)
