"""Another project of the same name, with other keys, is refused; the keys of one project may be replaced."""

from collections.abc import Collection
from pathlib import Path

import pytest

from session_api.keys import marks, signing_keys
from session_api.stores.redis.address import OWNERS
from tests.unit.session_api.support.agents import KEYS
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import Desk, state
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.errors import Refused

pytestmark = pytest.mark.whole
DAY = 86400


def test_another_project_with_keys_of_its_own_is_refused(
    world: World, server: RedisServer, tmp_path: Path
) -> None:
    ours = Managers(world, server)
    project = ours.bgctl()
    with project.change("up"):
        project.save(state(1))
    theirs = ours.another(tmp_path / "theirs")
    for path in sorted((theirs / "keys").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (theirs / "keys").rmdir()
    with pytest.raises(Refused, match="this folder has none") as caught, ours.bgctl(theirs).change("up"):
        pass
    assert caught.value.next.startswith("copy its folder keys/ to here")
    signing_keys.create(theirs / "keys")
    with pytest.raises(Refused, match="another project's") as caught, ours.bgctl(theirs).change("up"):
        pass
    assert "BGCTL_STORE=redis://HOST:PORT/1" in caught.value.next
    with pytest.raises(Refused, match="another project's"):
        ours.bgctl(theirs).state()
    assert ours.bgctl().state() == state(1)


def test_a_database_with_the_sessions_of_another_project_is_refused_before_anything_starts(
    world: World, server: RedisServer, tmp_path: Path
) -> None:
    """That one has another name, so the state of ours would be nobody's yet."""
    with server.client() as client:
        client.sadd(OWNERS, "of-another-project")
    ours = Managers(world, server)
    found = "the sessions in this Redis are another project's"
    with pytest.raises(Refused, match=found) as caught, ours.bgctl().change("up"):
        pass
    assert "BGCTL_STORE=redis://HOST:PORT/1" in caught.value.next
    with server.client() as client:
        assert not client.exists(KEYS.owners, KEYS.document)


def test_keys_that_are_rotated_again_and_again_stay_the_projects(server: RedisServer, tmp_path: Path) -> None:
    keys, now = tmp_path / "keys", 1_800_000_000
    signing_keys.create(keys, now=now)
    for generation in range(1, 5):
        desk = Desk(server, marks=lambda: marks.of(keys))
        with desk.cluster.change("keys rotate"):
            signing_keys.rotate(keys, now=now + generation * 30 * DAY)
        Desk(server, marks=lambda: marks.of(keys)).publish(state(generation))
    assert len(marks.of(keys) or ()) == 2, "older ones are past their time"


def test_keys_that_are_made_within_a_change_are_known_after_it(server: RedisServer) -> None:
    ours: list[Collection[str] | None] = [None]
    desk = Desk(server, marks=lambda: ours[0])
    with desk.cluster.change("up", starts=True):
        ours[0] = {"made"}
        desk.cluster.publish(state(1))
    with pytest.raises(Refused, match="another project's"):
        Desk(server, marks=lambda: {"theirs"}).publish(state(2))


def test_a_project_that_signs_with_secrets_has_no_marks(server: RedisServer, tmp_path: Path) -> None:
    signing_keys.create(tmp_path / "keys", "HS256")
    assert marks.of(tmp_path / "keys") == set()
    Desk(server, marks=lambda: marks.of(tmp_path / "keys")).publish(state(1))
    with server.client() as client:
        assert not client.exists(KEYS.owners)


def test_to_look_makes_nothing_ours(server: RedisServer) -> None:
    assert Desk(server, marks=lambda: {"curious"}).cluster.state() is None
    with server.client() as client:
        assert not client.exists(KEYS.owners)
    Desk(server, marks=lambda: {"ours"}).publish(state(1))
    with server.client() as client:
        assert client.smembers(KEYS.owners) == {"ours"}
