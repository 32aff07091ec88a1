"""Threats 64 to 66 and 68 to 70: whatever happens, in whatever order, everybody is served by their version."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.model.machine import World, run

SEQUENCES = int(os.environ.get("BGCTL_MODEL_SEQUENCES", "2000"))


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.mark.timeout(3600)
def test_68_whatever_happens_nobody_is_served_by_another_version_than_their_own(world: World) -> None:
    run(
        settings(
            max_examples=SEQUENCES,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
        world,
    )
