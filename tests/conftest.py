"""The order of files: what takes minutes begins first, so that no process is left with it at the end.

And no test depends on how fast the machine is: hypothesis sets no deadlines. Nor on how the tests were
started: in the background SIGINT may be ignored, below nohup SIGHUP is, and would be by each bgctl that a
test sends it to. A handler of our own is not handed on to what we start.
"""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

settings.register_profile("bgctl", deadline=None)
settings.load_profile("bgctl")
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

# By what they took, with those that make much load not beside each other: two processes take them in turn.
LONGEST_FIRST = (
    "test_release",
    "test_activity",
    "test_soak",
    "test_walk_blog",
    "test_crash",
    "test_migration",
    "test_streams",
    "test_walk_flaskshop",
    "test_walk_notes",
    "test_counts",
    "test_preview",
    "test_canary",
    "test_mends",
    "test_tls",
    "test_gate",
    "test_deploy",
    "test_podman",
)
FOLDERS = ("e2e", "browser")  # real stacks and browsers, and then the rest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-randomly, whose order within each file stays."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> tuple[int, int]:
    file, folder = item.path.stem, item.path.relative_to(item.config.rootpath / "tests").parts[0]
    folders = FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)
    return (0, LONGEST_FIRST.index(file)) if file in LONGEST_FIRST else (1, folders)
