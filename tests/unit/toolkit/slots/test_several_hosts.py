"""A slot on several hosts serves for as long as one of them does, and what serves is not ended."""

import pytest

from tests.unit.session_api.support.agents import put
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.managers import Managers, Node
from tests.unit.toolkit.support.worlds import World
from toolkit import slots
from toolkit.errors import Failed
from toolkit.project import Project
from toolkit.release import rollback

OLD = "1.6.7"


@pytest.fixture
def shop(world: World, server: RedisServer) -> Project:
    """Two nodes. The slot's containers of the second one answer nothing."""
    managers = Managers(world, server, "node1", "node2")
    managers.engine.nodes[1] = Node("node2", "127.0.0.2")
    path = world.root / "bgctl.toml"
    path.write_text(path.read_text().replace('\ntimeout = "60s"', '\ntimeout = "50ms"'))
    with server.client() as client:
        put(client, 1, 1, OLD)
    managers.engine.there.add("frontend-blue")
    return managers.bgctl()


def changed(project: Project) -> list[str]:
    return [each for each in project.engine.asked if each.startswith(("up", "remove"))]  # type: ignore[attr-defined]


def test_a_slot_that_serves_on_one_host_is_left_to_the_engine(shop: Project) -> None:
    with pytest.raises(Failed, match="frontend-blue is not healthy"):
        slots.start(shop, "blue", OLD)
    assert changed(shop) == [], "it would have been ended on the node where it serves"
    assert slots.standing(shop, "blue", OLD).partly == "1 of 2 up"


def test_it_keeps_no_rollback_from_its_work(shop: Project) -> None:
    assert rollback.start_blue(shop, OLD) == f"blue serves {OLD}, with 1 of 2 up"
    assert changed(shop) == []


def test_a_slot_that_serves_nowhere_is_started_anew(world: World, shop: Project) -> None:
    world.serve(world.blue, "1.6.6")
    with pytest.raises(Failed, match="frontend-blue is not healthy"):
        slots.start(shop, "blue", OLD)
    assert changed(shop) == ["up frontend-blue"]


def test_one_that_the_swarm_does_not_have_is_started_whatever_still_answers(shop: Project) -> None:
    """What was removed may answer for a moment: a swarm ends its tasks later."""
    shop.engine.there.discard("frontend-blue")  # type: ignore[attr-defined]
    with pytest.raises(Failed, match="frontend-blue is not healthy"):
        slots.start(shop, "blue", OLD)
    assert changed(shop) == ["up frontend-blue"]
