"""A deployment is over when it has been seen twice that nothing comes any more."""

from pathlib import Path

import pytest

from tests.unit.toolkit.swarm.test_stack_file import SWARM
from tests.unit.toolkit.swarm.test_tasks import BEFORE, standing, task
from toolkit import config
from toolkit.swarm.commands import SwarmCommands
from toolkit.swarm.engine import SwarmEngine
from toolkit.swarm.tasks import Standing


@pytest.fixture
def engine() -> SwarmEngine:
    commands = SwarmCommands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env")
    return SwarmEngine(commands, Path("/srv/shop"), config.parse(SWARM))


def test_a_task_that_is_listed_without_the_one_that_follows_it_is_waited_for(
    engine: SwarmEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed while it ran, looked at when it was gone: for that look the service is on one node alone."""
    gone = task("b", "shutdown", labels=BEFORE)
    comes = task("b", "starting", at=2)
    looks = [
        standing(task("a", "running"), gone),
        standing(task("a", "running"), gone, task("b", "assigned", at=2)),
        standing(task("a", "running"), gone, comes),
        standing(task("a", "running"), gone, comes),
    ]
    assert [each.settled for each in looks] == [True, False, True, True]
    left = iter(looks)

    def look(service: str) -> Standing | None:
        return next(left)

    monkeypatch.setattr(engine, "standing", look)
    engine._wait("web-green", 2)
    assert list(left) == []
