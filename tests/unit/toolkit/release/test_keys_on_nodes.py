"""Keys of a swarm are in new containers only: `keys rotate` says what brings them, and `up` does."""

import pytest

from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import report, state
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.commands import keys_import
from toolkit.release import shared_services

pytestmark = pytest.mark.whole
API = "session-api"


@pytest.fixture
def managers(world: World, server: RedisServer) -> Managers:
    found = Managers(world, server, "web1")
    project = found.bgctl()
    with project.change("up"):
        project.save(state(1))
    with server.client() as client:
        report(client, "web1", 1, 1)
    world.api.answers["/readyz"] = (200, b"")
    return found


@pytest.mark.parametrize("current", [True, False])
def test_a_session_api_with_older_keys_is_replaced_though_it_is_well(
    managers: Managers, current: bool
) -> None:
    managers.engine.current = {API} if current else set()
    shared_services.start(managers.bgctl(), API)
    assert managers.engine.asked == ([] if current else [f"up {API}"])


def test_new_keys_come_with_the_command_that_brings_them(
    managers: Managers, capsys: pytest.CaptureFixture[str]
) -> None:
    keys_import.say_next(managers.bgctl())
    assert "no node has this yet; next: bgctl up" in capsys.readouterr().out


def test_on_one_host_they_are_in_force(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.unit.toolkit.support.engines import project_of

    keys_import.say_next(project_of(world)[0])
    assert capsys.readouterr().out == ""
