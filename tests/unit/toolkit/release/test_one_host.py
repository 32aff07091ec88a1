"""A project that comes to a swarm from one host goes on with its state, and with its generations."""

import re
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from session_api.cluster import document as documents
from tests.unit.session_api.support.agents import KEYS
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import state
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.errors import Failed
from toolkit.files import state_file
from toolkit.project import Project
from toolkit.release import one_host, up
from toolkit.state import document
from toolkit.state.document import Deployment, State
from toolkit.state.lineage import Entry
from toolkit.terminal.ui import UI
from toolkit.values import stamp

pytestmark = pytest.mark.whole
WENT = Entry("1.6.6", "1.6.7", 16, stamp(datetime.now(UTC)))
BEFORE = replace(state(17), lineage=(WENT,))


@pytest.fixture
def moved(world: World, server: RedisServer) -> Project:
    """Typed on a manager for the first time, in a copy of the folder of the host before."""
    managers = Managers(world, server, "web1")
    env = world.root / ".env"
    env.write_text(re.sub(r"CURRENT_VERSION=.*", "CURRENT_VERSION=1.6.7", env.read_text()))
    (world.root / "state").mkdir(exist_ok=True)
    state_file.write(world.root / "state" / "state.json", BEFORE)
    return managers.bgctl()


def published(server: RedisServer) -> State:
    with server.client() as client:
        return document.decode(documents.decode(client.get(KEYS.document).encode()).state.encode())


def take(project: Project) -> bool:
    """The step of `up` that is about the state, if there is need of it; whether there was."""
    target = project.state() if project.adopted else up.first_state(project)
    with project.change("up"):
        needed = project.adopted is False or one_host.is_left(project)
        if needed:
            up.adopt(project, target)
    return needed


def test_the_first_state_of_a_swarm_is_the_last_one_of_the_host_before(
    moved: Project, server: RedisServer
) -> None:
    assert list(one_host.problems(moved)) == []
    assert take(moved)
    assert published(server) == BEFORE
    assert list(moved.state_dir.glob("state.json*")) == [], "a file that stays would be believed some day"
    assert not take(moved)


def test_an_up_that_was_killed_after_it_had_published_does_not_leave_the_file(
    moved: Project, server: RedisServer
) -> None:
    take(moved)
    state_file.write(moved.state_path, state(3, "0.9"))
    assert take(moved)
    assert published(server) == BEFORE
    assert not moved.state_path.exists()


def test_a_copy_that_is_newer_than_what_the_swarm_has_is_refused_and_kept(
    moved: Project, server: RedisServer
) -> None:
    """The one host has gone on with a release, after its folder was copied for the first time."""
    take(moved)
    assert list(one_host.problems(moved)) == []
    state_file.write(moved.state_path, state(18, "1.6.8"))
    (problem,) = one_host.problems(moved)
    assert "state.json has generation 18, and the swarm 17" in str(problem)
    assert problem.next.startswith(f"rm {moved.state_path} ")
    state_file.write(moved.state_path, state(17))
    assert list(one_host.problems(moved)) == []


def test_a_release_that_is_under_way_has_to_end_on_one_host(moved: Project) -> None:
    under_way = Deployment("r1", "1.6.7", "1.6.8", "2026-01-15T10:30:00Z", "start-green")
    green = replace(BEFORE.slots, green=document.ready("1.6.8", 0))
    state_file.write(moved.state_path, replace(BEFORE, phase="candidate", deployment=under_way, slots=green))
    (problem,) = one_host.problems(moved)
    assert "a release of 1.6.8 is under way there" in str(problem)
    assert "bgctl promote" in problem.next


def test_a_copy_whose_files_are_of_two_times_is_refused(moved: Project) -> None:
    state_file.write(moved.state_path, replace(BEFORE, slots=state(17, "1.6.6").slots))
    (problem,) = one_host.problems(moved)
    assert "CURRENT_VERSION is 1.6.7 in .env, and blue serves 1.6.6" in str(problem)


def test_a_state_that_cannot_be_read_is_said_and_kept(moved: Project) -> None:
    moved.state_path.write_text("{")
    with pytest.raises(Failed, match=r"state\.json cannot be used"):
        list(one_host.problems(moved))
    assert moved.state_path.exists()


def test_on_one_host_nothing_is_taken_away(world: World) -> None:
    project = Project(world.root, UI(), "up")
    project.state_dir.mkdir(exist_ok=True)
    state_file.write(project.state_path, BEFORE)
    assert one_host.left(project) is None
    one_host.forget(project)
    assert project.state() == BEFORE
