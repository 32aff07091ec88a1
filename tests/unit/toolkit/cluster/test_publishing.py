"""What is published, and what is refused: real Redis, with reports of nodes and without."""

import json
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from session_api.cluster.document import Number
from tests.unit.session_api.support.agents import KEYS, put, state_text
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import Desk, report, state
from toolkit.cluster import cluster
from toolkit.errors import Failed, MovedOn, Refused
from toolkit.state import document

pytestmark = pytest.mark.whole


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        yield client


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)


def published(client: Redis) -> tuple[int, int, list[str]]:
    there = json.loads(client.get(KEYS.document) or "")
    return there["fence"], json.loads(there["state"])["generation"], there["without"]


def test_what_is_published_is_the_state_and_each_lease_has_the_next_number(
    server: RedisServer, client: Redis
) -> None:
    desk = Desk(server)
    assert desk.cluster.state() is None
    desk.publish(state(1))
    assert published(client) == (1, 1, [])
    with desk.cluster.change("promote"):
        desk.cluster.publish(state(2))
        desk.cluster.publish(state(3, "1.6.8"))
    assert published(client) == (2, 3, [])
    assert desk.cluster.state() == state(3, "1.6.8")
    assert client.get(KEYS.lease) is None, "a lease is given back"
    assert client.get(KEYS.fence) == "2"


def test_what_is_published_can_be_read_by_all(server: RedisServer, client: Redis) -> None:
    Desk(server).publish(state(1))
    text = json.loads(client.get(KEYS.document) or "")["state"]
    assert document.decode(text.encode()) == state(1)


def test_a_document_that_somebody_else_has_written_is_not_overwritten(
    server: RedisServer, client: Redis
) -> None:
    desk = Desk(server)
    with desk.cluster.change("deploy"):
        put(client, 9, 9)
        with pytest.raises(MovedOn, match="not the one that was there"):
            desk.cluster.publish(state(2))
    assert published(client) == (9, 9, [])
    desk.publish(state(10))
    assert published(client)[:2] == (10, 10), "the next lease has a greater number than any document"


def test_a_node_that_is_silent_is_named_and_nothing_is_switched(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1", "web2", "web3")
    report(client, "web1", 0, 0)
    report(client, "web2", 0, 0, age=100)
    with pytest.raises(Refused, match="web2 has been silent for 1 min; web3 has not reported yet") as caught:
        desk.publish(state(2))
    assert caught.value.next.endswith("--without web2 --without web3")
    assert client.get(KEYS.document) is None
    assert client.get(KEYS.lease) is None
    report(client, "web1", 0, 0)  # it is heard still
    desk.publish(state(2), without={"web2", "web3"})
    assert published(client)[2] == ["web2", "web3"]


def test_a_node_that_falls_silent_during_a_change_stops_it(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1")
    report(client, "web1", 0, 0)
    with desk.cluster.change("deploy"):
        report(client, "web1", 0, 0, age=100)
        with pytest.raises(Refused, match="web1 has been silent"):
            desk.cluster.publish(state(2))
    assert client.get(KEYS.document) is None


def test_a_node_that_has_left_is_not_waited_for(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1")
    report(client, "web1", 0, 0)
    report(client, "web9", 50, 50, age=100, state=state_text(50))
    desk.publish(state(2))
    assert published(client) == (1, 2, [])


def test_a_command_that_starts_the_agents_waits_for_none(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1")
    desk.publish(state(1), starts=True)
    desk.publish(state(2), starts=True)
    assert published(client)[:2] == (2, 2)


@pytest.mark.parametrize("there", [None, (3, 4), (2, 9), b"garbage"])
def test_what_redis_has_lost_comes_back_from_a_node(
    server: RedisServer, client: Redis, there: tuple[int, int] | bytes | None
) -> None:
    desk = Desk(server, "web1", "web2")
    if isinstance(there, bytes):
        client.set(KEYS.document, there)
    elif there:
        put(client, *there)
    report(client, "web1", 3, 4)
    report(client, "web2", 3, 5, state=state_text(5, "1.6.8"))
    seen = desk.cluster.state()
    assert seen is not None
    assert seen == state(5, "1.6.8"), "what is read is the newest, wherever it is"
    with desk.cluster.change("route"):
        assert published(client) == (4, 5, []), "above every number that was ever given out"
        assert "Redis has lost the state of generation 5" in desk.told[0]
        assert "web2 has it still" in desk.told[0]
        desk.cluster.publish(state(6))
    assert published(client) == (4, 6, [])


@pytest.mark.parametrize("starts", [False, True])
def test_a_newer_state_whose_text_is_not_told_yet_is_not_replaced(
    server: RedisServer, client: Redis, starts: bool
) -> None:
    """A Redis that was just started empty: `up` must not begin anew over what the nodes have."""
    desk = Desk(server, "web1", "web2")
    report(client, "web1", 7, 12)
    report(client, "web2", 7, 12, error="state.json is not what the agent wrote last")
    with pytest.raises(Refused, match=r"web2 has a newer state \(7\.12\) than Redis \(0\.0\)") as caught:
        desk.cluster.state()
    assert caught.value.next.endswith("--without web2")
    with pytest.raises(Refused, match="has a newer state"):
        desk.publish(state(1), starts=starts)
    assert client.get(KEYS.document) is None
    desk.publish(state(1), starts=starts, without={"web1", "web2"})
    assert published(client)[:2] == (8, 1)


def test_a_text_that_comes_a_moment_later_is_waited_for(
    server: RedisServer, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 60.0)
    desk = Desk(server, "web1")
    report(client, "web1", 7, 12)
    looks = 0

    def asked() -> set[str]:
        nonlocal looks
        looks += 1
        if looks == 2:
            report(client, "web1", 7, 12, state=state_text(12))
        return {"web1"}

    desk.cluster._ask_members = asked
    assert desk.cluster.state() == state(12)


def test_a_clock_that_was_set_back_makes_no_node_seem_alive(server: RedisServer, client: Redis) -> None:
    desk = Desk(server, "web1")
    report(client, "web1", 1, 1, age=-3600)
    assert "web1" in desk.cluster.look().silent()


def test_a_node_without_its_text_still_lets_no_lower_number_be_given_out(
    server: RedisServer, client: Redis
) -> None:
    desk = Desk(server, "web1")
    put(client, 41, 8)
    report(client, "web1", 41, 7)
    client.delete(KEYS.fence)
    desk.publish(state(9))
    assert published(client)[:2] == (42, 9)


@pytest.mark.parametrize(
    "text", [b"\xff", b"{}", json.dumps({"fence": 1, "state": '{"generation": 3}'}).encode()]
)
def test_a_document_that_is_none_of_ours_is_refused_with_what_to_do(
    server: RedisServer, client: Redis, text: bytes
) -> None:
    client.set(KEYS.document, text)
    with pytest.raises(Failed, match="not one of ours") as caught:
        Desk(server).cluster.state()
    assert f"redis-cli DEL '{KEYS.document}'" in caught.value.next


def test_a_report_that_is_none_counts_as_no_report(server: RedisServer, client: Redis) -> None:
    client.set(KEYS.node("web1"), b"\xff{")
    desk = Desk(server, "web1")
    assert desk.cluster.look().silent() == {"web1": "has not reported yet"}


def test_two_projects_share_a_redis(server: RedisServer, client: Redis) -> None:
    client.set("bgctl:{blog}:document", "garbage")
    client.set("bgctl:{blog}:lease", "held")
    Desk(server).publish(state(1))
    assert published(client)[:2] == (1, 1)


def test_another_project_of_the_same_name_is_refused(server: RedisServer, client: Redis) -> None:
    Desk(server, marks=lambda: {"ours"}).publish(state(1))
    Desk(server, marks=lambda: {"ours", "new"}).publish(state(2))
    with pytest.raises(Refused, match="another project's") as caught:
        Desk(server, marks=lambda: {"theirs"}).publish(state(3))
    assert f"redis-cli DEL '{KEYS.owners}'" in caught.value.next
    assert published(client)[:2] == (2, 2)


def test_numbers_are_compared_by_lease_first() -> None:
    assert sorted([Number(2, 1), Number(1, 9), Number(1, 10)]) == [Number(1, 9), Number(1, 10), Number(2, 1)]


def test_a_changed_state_is_needed_within_a_change(server: RedisServer) -> None:
    with pytest.raises(AssertionError):
        Desk(server).cluster.publish(state(1))


def test_a_published_state_whose_answer_was_lost_is_no_conflict(
    server: RedisServer, client: Redis, start_redis: Callable[..., RedisServer]
) -> None:
    """The connection breaks after the script has run: the client asks again, and the document is there."""
    desk = Desk(server)
    with desk.cluster.change("deploy"):
        desk.cluster.publish(state(1))
        first = desk.cluster._document
        assert first is not None
        first._there = b""  # as if the first answer had not come
        desk.cluster.publish(state(1))
    assert published(client)[:2] == (1, 1)
