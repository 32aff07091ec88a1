"""A node follows the document: real agents, a real redis-server, and what happens to both."""

import json
import signal
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from tests.unit.session_api.support.agents import KEYS, Node, put, state_text
from tests.unit.session_api.support.redis_server import RedisServer, free_port
from tests.unit.session_api.support.server import eventually

pytestmark = pytest.mark.whole
Nodes = Callable[..., Node]


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        yield client


def test_what_is_published_becomes_the_file_of_every_node_and_is_reported(client: Redis, node: Nodes) -> None:
    one, other = node("web1"), node("web2")
    for each in (one, other):
        each.start()
    for generation, version in ((1, "1.6.7"), (2, "1.6.8")):
        text = put(client, 1, generation, version)
        for each in (one, other):
            each.has(text)
            report = each.reports(client, fence=1, generation=generation, error=None)
            assert report["node"] == each.name
            assert all_workers_have(generation, each, client)


def all_workers_have(generation: int, web: Node, client: Redis) -> bool:
    """Returns once its report says so."""
    workers = eventually(
        lambda: web.report(client)["status"]["workers"],
        lambda seen: {worker["generation"] for worker in seen} == {generation},
    )
    return len(workers) == 2


def test_a_report_has_the_time_of_redis(client: Redis, node: Nodes) -> None:
    web = node()
    before = client.time()[0]
    web.start()
    assert before <= web.reports(client, node="web1")["at"] <= client.time()[0] + 1
    assert 0 < client.ttl(KEYS.node("web1")) <= 86400


def test_reports_go_on_while_nothing_happens(client: Redis, node: Nodes) -> None:
    web = node()
    web.start()
    first = web.reports(client, node="web1")["at"]
    eventually(lambda: web.report(client)["at"], lambda at: at > first + 1)


@pytest.mark.parametrize(("fence", "generation"), [(2, 4), (1, 9), (2, 5)])
def test_an_older_document_is_never_written_nor_the_same_number_twice(
    client: Redis, node: Nodes, fence: int, generation: int
) -> None:
    web = node()
    agent = web.start()
    text = put(client, 2, 5)
    web.has(text)
    put(client, fence, generation, "9.9.9")
    if (fence, generation) == (2, 5):
        report = web.reports(
            client, error="Redis has another document under the number of ours: what is in force here stays"
        )
        assert report["state"] is None
    else:
        web.reports(client, fence=2, generation=5, state=text)  # it offers what Redis has lost
    agent.kill()
    client.delete(KEYS.node("web1"))
    web.start()
    web.reports(client, generation=5, fence=2)
    assert web.text == text
    newer = put(client, 3, 1, "2.0.0")  # another lease counts more than a generation
    web.has(newer)


GARBAGE = [
    b"\xff\x00",
    b"{}",
    b"[1]",
    json.dumps({"fence": 7, "state": "{"}).encode(),
    json.dumps({"fence": 0, "state": state_text(7)}).encode(),
    json.dumps({"fence": 7, "state": state_text(7, slots={})}).encode(),
    json.dumps({"fence": 7, "state": state_text(0)}).encode(),
    json.dumps({"fence": 7, "state": state_text(7, "no version!")}).encode(),
    json.dumps({"fence": 7, "state": state_text(7).replace("ready", "drain")}).encode(),
]


def test_what_is_no_document_is_told_and_not_written(client: Redis, node: Nodes) -> None:
    web = node()
    agent = web.start()
    text = put(client, 2, 5)
    web.has(text)
    for garbage in GARBAGE:
        client.set(KEYS.document, garbage)
        report = eventually(lambda: web.report(client), lambda seen: bool(seen.get("error")))
        assert report["error"].startswith("the document in Redis cannot be used: ")
        assert report["state"] == text, "a node offers what it has"
        assert web.text == text
        put(client, 2, 5)
        web.reports(client, error=None, state=None)
    assert agent.process.poll() is None
    web.has(put(client, 2, 6))


def test_another_projects_document_is_none_of_ours(client: Redis, node: Nodes) -> None:
    web, other = node("web1"), node("web2", BGCTL_PROJECT="blog")
    web.start()
    other.start()
    text = put(client, 1, 1)
    web.has(text)
    eventually(lambda: client.get("bgctl:{blog}:node:web2"), bool)
    assert other.text is None


def test_redis_gone_the_last_document_stays_and_both_is_logged_once(
    server: RedisServer, client: Redis, node: Nodes
) -> None:
    web = node()
    agent = web.start()
    text = put(client, 1, 1)
    web.has(text)
    server.kill()
    eventually(lambda: agent.events("Redis gives no good answer"), bool)
    assert web.text == text
    server.start()
    newer = put(client, 1, 2)
    web.has(newer)
    web.reports(client, generation=2)
    assert len(agent.events("Redis gives no good answer")) == 1
    assert len(agent.events('"Redis answers"')) == 2  # in the beginning, and when it was back


def test_a_redis_that_was_started_empty_gets_no_node_to_go_back(
    server: RedisServer, client: Redis, node: Nodes
) -> None:
    web = node()
    web.start()
    text = put(client, 7, 12)
    web.has(text)
    server.kill()
    server.start()
    web.reports(client, fence=7, generation=12, state=text, error=None)
    put(client, 1, 1, "0.0.1")
    web.reports(client, fence=7, generation=12, state=text)
    assert web.text == text


def test_a_promoted_replica_without_the_last_write_takes_no_node_back(
    start_redis: Callable[..., RedisServer], node: Nodes
) -> None:
    """The address stays, and another server is behind it: as with a moving address, or DNS."""
    port = str(free_port())
    primary = start_redis("--port", port, "--bind", "127.0.0.1")
    replica = start_redis("--replicaof", "127.0.0.1", port, "--repl-diskless-sync-delay", "0")
    address = primary.folder / "address"
    address.symlink_to(primary.socket)
    web = node(store=f"unix://{address}")
    web.start()
    with primary.client() as client, replica.client() as copy:
        web.has(put(client, 3, 4))
        eventually(lambda: copy.get(KEYS.document), lambda there: there == client.get(KEYS.document))
        copy.execute_command("REPLICAOF", "NO", "ONE")
        last = put(client, 3, 5)
        web.has(last)
        primary.kill()
        address.unlink()
        address.symlink_to(replica.socket)
        web.reports(copy, fence=3, generation=5, state=last)
        assert web.text == last
        web.has(put(copy, 4, 5, "1.6.9"))


@pytest.mark.parametrize("frozen", [False, True])
def test_sigterm_ends_it_at_once_and_cleanly(
    server: RedisServer, client: Redis, node: Nodes, frozen: bool
) -> None:
    web = node()
    agent = web.start()
    web.has(put(client, 1, 1))
    eventually((web.state.parent / "node.json").exists, bool)
    if frozen:
        server.process.send_signal(signal.SIGSTOP)
        eventually(lambda: agent.events("Redis gives no good answer"), bool)
    assert agent.stop() == 0
    server.process.send_signal(signal.SIGCONT)
    assert "Traceback" not in "".join(agent.lines)
    assert sorted(each.name for each in web.state.parent.iterdir()) == [
        "agent.json",
        "node.json",
        "state.json",
    ]


def test_a_proxy_is_told_when_redis_was_asked_since_it_began(
    server: RedisServer, client: Redis, node: Nodes
) -> None:
    web = node()
    (web.state.parent / "node.json").write_text('{"drain": true, "heardFor": 1000.5}')
    put(client, 1, 1)
    server.kill()
    agent = web.start()
    eventually(lambda: agent.events("Redis gives no good answer"), bool)
    eventually(lambda: agent.events("the proxy answers"), bool)
    assert web.file == {"drain": True, "heardFor": 1000.5}, "that was for the proxy before"
    server.start()
    eventually(lambda: web.file, lambda seen: seen == {"drain": True, "heardFor": web.began})
    first, web.began = web.began, web.began + 60  # it is started again
    eventually(lambda: web.file["heardFor"], lambda seen: seen == first + 60)


def test_a_proxy_is_told_nothing_while_redis_has_what_cannot_be_read(client: Redis, node: Nodes) -> None:
    web = node()
    client.set(KEYS.document, '{"schema": 99}')
    web.start()
    web.reports(client, generation=0)
    eventually(lambda: web.report(client)["status"], bool)
    assert not (web.state.parent / "node.json").exists()
    web.has(put(client, 1, 1))
    eventually((web.state.parent / "node.json").exists, bool)
    assert web.file == {"heardFor": web.began}


def test_a_node_that_is_left_out_follows_all_the_same(client: Redis, node: Nodes) -> None:
    web = node()
    web.start()
    web.has(put(client, 1, 1, without=("web1",)))
    web.reports(client, generation=1, error=None)


def test_a_proxy_that_is_down_or_hangs_is_told_and_keeps_no_document_waiting(
    client: Redis, node: Nodes
) -> None:
    web = node()
    web.proxy.answers["/status"] = (500, b"")
    web.start()
    web.has(put(client, 1, 1))
    report = web.reports(client, generation=1, status=None)
    assert report["error"] == "the proxy gives no good answer: status 500"
    web.proxy.answers["/status"] = web._status
    eventually(
        lambda: web.report(client), lambda seen: seen["error"] is None and seen["status"]["generation"] == 1
    )


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(client: Redis, node: Nodes) -> None:
    web = node()
    web.start()
    first = put(client, 1, 1)
    web.has(first)
    folder = web.state.parent
    aside = folder.rename(folder.with_name("aside"))
    put(client, 1, 2)
    report = eventually(lambda: web.report(client), lambda seen: "cannot be written" in str(seen["error"]))
    assert report["generation"] == 1
    aside.rename(folder)
    web.reports(client, generation=2, error=None)
    assert web.text == state_text(2)


def test_a_file_that_was_changed_by_hand_is_put_right_at_the_start(client: Redis, node: Nodes) -> None:
    web = node()
    agent = web.start()
    text = put(client, 1, 2)
    web.has(text)
    agent.kill()
    web.state.write_text("{}")
    web.start()
    web.has(text)


def test_no_older_document_replaces_a_file_that_was_changed_by_hand(client: Redis, node: Nodes) -> None:
    web = node()
    agent = web.start()
    web.has(put(client, 2, 2))
    agent.kill()
    web.state.write_text("{}")
    put(client, 1, 9)
    web.start()
    report = eventually(
        lambda: web.report(client), lambda seen: "not what the agent wrote" in str(seen["error"])
    )
    assert (report["state"], web.text) == (None, "{}")
    web.has(put(client, 3, 1))
