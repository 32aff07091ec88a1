"""What keeps bgctl from Redis, each with why and what to do; a password is in no message."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from session_api.stores.redis.address import RedisAddress
from tests.unit.session_api.support.data import ROOT
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import Desk, state
from toolkit.clients.http import Unreachable
from toolkit.cluster import address
from toolkit.cluster.cluster import Cluster
from toolkit.errors import BgctlError, Failed, Refused


def cluster(url: str, password: str | None = None) -> Cluster:
    return Cluster(RedisAddress(url, password), "shop", frozenset)


@pytest.mark.whole
def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=f"Redis at unix://{tmp_path}/none gives no answer") as caught:
        cluster(f"unix://{tmp_path}/none").look()
    assert caught.value.next.startswith("start it")
    with pytest.raises(Unreachable):
        cluster("redis://user:secret@127.0.0.1:1/0").look()


@pytest.mark.whole
def test_a_password_that_is_wrong_or_missing(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis("--requirepass", "open sesame")
    for password in (None, "another secret"):
        with pytest.raises(Refused, match="does not let bgctl in") as caught:
            cluster(server.address.url, password).look()
        assert "BGCTL_STORE_PASSWORD_FILE" in caught.value.next
        assert "secret" not in caught.value.line
    assert cluster(server.address.url, "open sesame").look().text is None


@pytest.mark.whole
def test_a_replica(server: RedisServer) -> None:
    with server.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(Refused, match="takes no changes: it is a replica"):
        Desk(server).publish(state(1))


@pytest.mark.whole
def test_a_full_one(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(Refused, match="takes no changes"):
        Desk(server).publish(state(1))


@pytest.mark.whole
def test_one_that_does_not_answer(server: RedisServer) -> None:
    desk = Desk(server)
    with desk.cluster.change("up", starts=True):
        server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(Failed, match="it is not known whether the new state is published") as caught:
                desk.cluster.publish(state(1))
        finally:
            server.process.send_signal(signal.SIGCONT)
    assert "timed out" in str(caught.value)


@pytest.mark.whole
def test_keys_that_are_somebody_elses(server: RedisServer) -> None:
    with server.client() as client:
        client.lpush("bgctl:{shop}:document", "x")
    with pytest.raises(Failed, match="WRONGTYPE"):
        Desk(server).cluster.look()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(Refused, match="the Python package redis is not there") as caught:
        cluster("redis://h").look()
    assert "pip install 'bgctl[redis]'" in caught.value.next


def test_the_library_is_loaded_with_the_first_question_only() -> None:
    code = "import sys, toolkit.cli, toolkit.cluster.cluster; print('redis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_address_is_that_of_the_sessions(tmp_path: Path) -> None:
    assert address.find({"BGCTL_STORE": "rediss://h:1/2"}, tmp_path) == RedisAddress("rediss://h:1/2")
    (tmp_path / "password").write_text("open sesame\r\nmore\n")
    found = address.find({"BGCTL_STORE": "redis://h", "BGCTL_STORE_PASSWORD_FILE": "password"}, tmp_path)
    assert (found.url, found.password) == ("redis://h", "open sesame")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "BGCTL_STORE is not set"),
        ({"BGCTL_STORE": "sqlite:////data/sessions.db"}, "BGCTL_STORE names none"),
        ({"BGCTL_STORE": "redis://h", "BGCTL_STORE_PASSWORD_FILE": "none"}, "none cannot be read"),
    ],
)
def test_an_address_that_is_none(tmp_path: Path, env: dict[str, str], said: str) -> None:
    with pytest.raises(BgctlError, match=said) as caught:
        address.find(env, tmp_path)
    assert "BGCTL_STORE" in caught.value.next
