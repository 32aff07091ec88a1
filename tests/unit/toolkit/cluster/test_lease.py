"""One bgctl at a time, on whichever host: real Redis, and real processes that are stopped and killed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from tests.unit.session_api.support.agents import KEYS, put
from tests.unit.session_api.support.data import ROOT
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually
from tests.unit.toolkit.support.clusters import Desk, state
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.errors import Locked, MovedOn

pytestmark = pytest.mark.whole
SHORT = 0.6  # seconds that a lease lasts where a test waits for its end


class Other:
    """Another bgctl, in a process of its own, that holds the lease."""

    def __init__(self, server: RedisServer, lasts: float) -> None:
        module = "tests.unit.toolkit.support.held_lease"
        command = [sys.executable, "-m", module, server.address.url, str(lasts)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, env=environment, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        assert self.said() == "held"

    def said(self) -> str:
        return str(self.stdout.readline()).strip()

    def publish(self, generation: int) -> None:
        self.stdin.write(f"{generation}\n")
        self.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


@pytest.fixture
def other(server: RedisServer) -> Iterator[Callable[[float], Other]]:
    started: list[Other] = []

    def start(lasts: float = 15.0) -> Other:
        started.append(Other(server, lasts))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        yield client


def test_who_has_it_is_named_with_what_to_do(server: RedisServer, other: Callable[..., Other]) -> None:
    holder = other()
    with pytest.raises(
        Locked, match=f"'bgctl deploy 1.6.8' by .*@.* .pid {holder.process.pid}. since 20"
    ) as caught:
        Desk(server).publish(state(1))
    assert f"kill {holder.process.pid}" in caught.value.next
    holder.publish(1)
    assert holder.said() == "published"


def test_who_waits_gets_it_when_the_other_one_ends(server: RedisServer, other: Callable[..., Other]) -> None:
    holder = other()
    done = threading.Event()

    def wait() -> None:
        Desk(server).publish(state(2), wait=60)
        done.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    holder.publish(1)
    assert holder.said() == "published"
    assert not done.is_set()
    holder.stdin.close()  # it comes to its end
    waiting.join(60)
    assert done.is_set()


def test_who_was_killed_is_told_to_the_next_one_and_to_no_other(
    server: RedisServer, other: Callable[[float], Other]
) -> None:
    holder = other(SHORT)
    holder.end()
    with Desk(server).cluster.change("deploy", wait=60) as lost:
        assert lost is not None
        assert (lost.pid, lost.command) == (holder.process.pid, "deploy 1.6.8")
    with Desk(server).cluster.change("deploy") as lost:
        assert lost is None


def test_the_history_has_whose_lease_it_was(
    world: World, server: RedisServer, other: Callable[[float], Other]
) -> None:
    project = Managers(world, server).bgctl()
    with project.change("up"):
        project.save(state(1))
    holder = other(SHORT)
    holder.end()
    with project.change("up", wait=60):
        pass
    _, lost, done = world.history
    assert (lost["command"], lost["outcome"]) == ("deploy 1.6.8", "interrupted")
    assert lost["why"].startswith(f"its lease ended by itself (pid {holder.process.pid} on ")
    assert done["outcome"] == "done"


def test_it_lasts_as_long_as_it_is_renewed(server: RedisServer, client: Redis) -> None:
    desk, other = Desk(server, lasts=3), Desk(server)

    def left() -> int:
        """Milliseconds until it ends."""
        return int(client.pttl(KEYS.lease))

    with desk.cluster.change("deploy"):
        for _ in range(4):  # it is longer than it lasts until this is seen four times
            eventually(left, lambda seen: 0 < seen < 2500)
            eventually(left, lambda seen: seen > 2500)
        with pytest.raises(Locked):
            other.publish(state(1))
        desk.cluster.publish(state(1))


def test_a_bgctl_that_was_stopped_too_long_publishes_nothing(
    server: RedisServer, client: Redis, other: Callable[..., Other]
) -> None:
    holder = other(SHORT)
    holder.publish(1)
    assert holder.said() == "published"
    holder.process.send_signal(signal.SIGSTOP)
    desk = Desk(server)
    with desk.cluster.change("rollback", wait=60):
        desk.cluster.publish(state(2))
        after = client.get(KEYS.document)
        holder.process.send_signal(signal.SIGCONT)
        holder.publish(3)
        said = holder.said()
        assert "the lease on the state is not ours any more" in said
        assert "'bgctl rollback' by" in said
        assert "next: bgctl status" in said
    holder.publish(4)
    assert "not ours any more" in holder.said(), "nor when the other one has ended"
    assert client.get(KEYS.document) == after


def test_a_killed_bgctl_keeps_nobody_out_for_long(server: RedisServer, other: Callable[..., Other]) -> None:
    holder = other(SHORT)
    holder.process.kill()
    Desk(server).publish(state(1), wait=60)


def test_a_lease_is_lost_with_redis(server: RedisServer) -> None:
    desk = Desk(server)
    with desk.cluster.change("deploy"):
        server.kill()
        server.start()
        with pytest.raises(MovedOn, match="not ours any more"):
            desk.cluster.publish(state(1))


def test_only_ones_own_lease_is_given_back(server: RedisServer, client: Redis) -> None:
    first, second = Desk(server), Desk(server)
    with contextlib.ExitStack() as later:
        with first.cluster.change("deploy"):
            client.delete(KEYS.lease)
            later.enter_context(second.cluster.change("route"))
            taken = client.get(KEYS.lease)
        assert client.get(KEYS.lease) == taken is not None
    assert client.get(KEYS.lease) is None


def test_many_at_once_each_publish_in_turn(server: RedisServer, client: Redis) -> None:
    def work() -> None:
        for _ in range(5):
            desk = Desk(server)
            with desk.cluster.change("deploy", wait=60):
                now = desk.cluster.state()
                desk.cluster.publish(state(now.generation + 1 if now else 1))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    now = Desk(server).cluster.state()
    assert now is not None
    assert now.generation == 20
    assert client.get(KEYS.fence) == "20"


def test_a_fence_is_never_below_that_of_a_document(server: RedisServer, client: Redis) -> None:
    put(client, 30, 1)
    with Desk(server).cluster.change("deploy"):
        assert client.get(KEYS.fence) == "31"
