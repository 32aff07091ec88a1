"""The versions in the env file, where a release was made on another manager of a swarm."""

import pytest

from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import state
from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.checks import env_versions
from toolkit.checks.looks import is_fault

pytestmark = pytest.mark.whole
STALE = "\nCURRENT_VERSION=1.6.6\n"


def test_on_a_swarm_an_older_one_is_told_and_keeps_nothing_from_starting(
    world: World, server: RedisServer
) -> None:
    managers = Managers(world, server)
    with (world.root / ".env").open("a") as env:
        env.write(STALE)
    project = managers.bgctl()
    with project.change("up"):
        project.save(state(1))
    (problem,) = env_versions.other_version(project)
    assert not is_fault(problem)
    assert problem.next == "write CURRENT_VERSION=1.6.7 here, too"


def test_on_one_host_it_is_a_release_that_was_meant(world: World) -> None:
    world.put("rest", READY, NONE)
    with (world.root / ".env").open("a") as env:
        env.write(STALE)
    (problem,) = env_versions.other_version(project_of(world)[0])
    assert is_fault(problem)
