"""Which tests go to one process together, and which begin first (`--dist loadscope` of pytest-xdist).

The processes are more than the cores, because end-to-end tests mostly wait: for an idle time to pass, for
a slot to drain, for a container to stop. What takes longest begins first, so that no process is left with
it at the end; and what makes much load has something between it that waits.
"""

from __future__ import annotations

from pathlib import PurePath

import pytest

# In these files each test has a stack of its own: they may run in any process. A file's tests stay together
# everywhere else, because they share what one of its fixtures has made.
APART = frozenset(
    {"test_canary", "test_counts", "test_crash", "test_deploy", "test_mends", "test_soak", "test_streams"}
)

# A fixture of the whole folder brings up a lab of several hosts, which is dear: it does so in one process.
TOGETHER = ("tests/e2e/cluster", "tests/e2e/swarm")

# By what they take, the longest first: the beginning of `file::test` below one of FOLDERS.
LONGEST_FIRST = (
    "test_release::",
    "test_engine::",
    "test_activity::",
    "test_counts::test_51_52_54",
    "test_tls::",
    "test_migration::",
    "test_soak::",
    "test_walk_blog::",
    "test_walk_pair::",
    "test_walk_members::",
    "test_preview::",
    "test_gate::",
    "test_lineage::",
    "test_counts::",
    "test_limits::",
    "test_health::",
    "test_walk_flaskshop::",
    "test_walk_notes::",
    "test_pins::",
    "test_podman::",
    "test_model_sequences::",
    "test_deploy::",
    "test_refusals::",
)
FOLDERS = ("e2e", "browser", "model")  # real stacks and browsers, and then the rest


def group(test: str) -> str:
    """What is the same for tests that run in one process, one after the other: `test` is a pytest node id."""
    file = test.partition("::")[0]
    for folder in TOGETHER:
        if file.startswith(f"{folder}/"):
            return folder
    apart = file.startswith("tests/e2e/") and PurePath(file).stem in APART
    return test if apart else file


def rank(item: pytest.Item) -> tuple[int, int]:
    """For sorting: what begins first has the lowest."""
    name, folder = f"{item.path.stem}::{item.name}", _folder(item)
    if folder not in FOLDERS:
        return 1, len(FOLDERS)
    for place, beginning in enumerate(LONGEST_FIRST):
        if name.startswith(beginning):
            return 0, place
    return 1, FOLDERS.index(folder)


def _folder(item: pytest.Item) -> str:
    """The folder directly below tests/."""
    return item.path.relative_to(item.config.rootpath / "tests").parts[0]
