"""What is Redis' alone: what happens to a server, to its memory, and in a cluster. The servers are real."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import RedisError

from session_api.keys import signing_keys
from session_api.keys.keyring import Keyring
from session_api.stores.records import Report, Seen, VersionCount
from session_api.stores.redis import store as redis_module
from session_api.stores.redis.address import RedisAddress
from session_api.stores.redis.store import RedisStore
from session_api.stores.store import StoreBusyError, StoreError, UnfitStoreError
from tests.unit.session_api.support.data import NOW, HandClock, session
from tests.unit.session_api.support.redis_server import RedisServer, free_port
from tests.unit.session_api.support.server import eventually

pytestmark = pytest.mark.whole

EVERYTHING = ("add", "find", "resume", "end", "census", "note", "users", "outlook", "now")


@pytest.fixture
def start() -> Iterator[Any]:
    """A function that starts a server of the test's own, with these options."""
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        started.append(RedisServer(*options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def ask(store: RedisStore, operation: str) -> Any:
    """Any operation, with arguments that do."""
    arguments: dict[str, tuple[Any, ...]] = {"census": (), "now": (), "users": ("1.6.7", 9)}
    arguments |= {"note": (Report("p", seen=(Seen("s1", "u1", "1.6.7", 0, NOW + 1000),)),)}
    arguments |= {"outlook": ("1.6.7", NOW)}
    return getattr(store, operation)(*arguments.get(operation, (session(),)))


def filled(server: RedisServer, clock: HandClock | None = None) -> RedisStore:
    store = RedisStore(server.address, clock=clock or HandClock())
    store.add(session())
    return store


@pytest.mark.threat(55)
def test_55_the_servers_clock_is_the_stores(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.address, prefix="{own-clock}")
    with redis_server.client() as client:
        before = int(client.time()[0])
        assert before <= store.now() <= int(client.time()[0])
        now = store.now()
        store.note(Report("p", seen=(Seen("s1", "u1", "1.6.7", 100, now + 9),)))
        assert before - 100 <= store.census().versions["1.6.7"].last_activity <= int(client.time()[0]) - 100
    store.close()


@pytest.mark.threat(78)
def test_78_a_log_out_of_the_version_before_outlasts_a_later_log_in(redis_server: RedisServer) -> None:
    clock = HandClock()
    store = RedisStore(redis_server.address, clock=clock, prefix="{before}")
    early = session(created_at=NOW - 100, good_until=NOW + 1000)
    store.add(early)
    assert store.end(early)
    with redis_server.client() as client:
        client.hdel("{before}:s:s1", "i", "o", "p")  # it wrote none of them
    assert store.resume(early) is None
    clock.now += 20
    later = session(created_at=NOW + 10, issued_at=NOW + 10, expires_at=NOW + 2000, good_until=NOW + 2000)
    assert store.resume(later)
    assert store.find(early) is None
    silent = session(created_at=0, good_until=NOW + 1000)  # it does not say when it was issued
    assert store.find(silent) is None
    store.close()


@pytest.mark.threat(54)
def test_54_down_is_unknown(start: Any) -> None:
    server = start()
    store = filled(server)
    store._clock = None  # so that now() asks the server, too
    server.kill()
    for operation in (*EVERYTHING, "ping"):
        with pytest.raises(StoreError):
            ask(store, operation) if operation != "ping" else store.ping()
    store.close()


@pytest.mark.threat(54)
def test_54_never_up_is_unknown(tmp_path: Any) -> None:
    store = RedisStore(RedisAddress(f"unix://{tmp_path}/nowhere"))
    for operation in EVERYTHING:
        with pytest.raises(StoreError):
            ask(store, operation)


@pytest.mark.threat(54)
def test_54_a_frozen_server_is_unknown_soon(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_module, "ANSWER_TIMEOUT", 0.2)
    server = start()
    store = filled(server)
    server.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreError):
            store.census()
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert store.census().users == 1
    store.close()


@pytest.mark.threat(54)
def test_54_a_busy_server_is_busy(start: Any) -> None:
    server = start("--busy-reply-threshold", "1")
    store = filled(server)
    with server.client() as stuck:
        stuck.connection_pool.connection_kwargs["socket_timeout"] = 0.2
        with pytest.raises(RedisError):
            stuck.eval("while true do end", 0)
        with pytest.raises(StoreBusyError):
            store.census()
        with server.client() as mercy:
            mercy.script_kill()
    assert eventually(lambda: refusal(store), lambda said: said is None) is None
    assert store.census().users == 1
    store.close()


@pytest.mark.threat(54)
def test_54_a_loading_server_is_unknown(start: Any) -> None:
    server = start("--appendonly", "yes", "--key-load-delay", "200")  # microseconds
    store = filled(server)
    for batch in range(3):  # it answers after every 1,024 commands that it reads
        rows = [Seen(f"{batch}-{number}", "u1", "1.6.7", 0, NOW + 1000) for number in range(1000)]
        store.note(Report("p", seen=tuple(rows)))
    server.kill()
    server.launch()
    said = eventually(lambda: refusal(store), lambda said: said is None or "loading" in said)
    assert said is not None
    assert eventually(lambda: refusal(store), lambda said: said is None) is None
    assert store.census().versions["1.6.7"].sessions == 3001
    store.close()


def refusal(store: RedisStore) -> str | None:
    """What a census is refused with, if it is."""
    try:
        store.census()
    except StoreError as error:
        return str(error)
    return None


@pytest.mark.threat(54)
@pytest.mark.parametrize("durable", ["yes", "no"])
def test_54_started_again_it_is_another_store(start: Any, durable: str) -> None:
    """With persistence, too: what it reads back may be older than what it knew."""
    server = start("--appendonly", durable, "--appendfsync", "always")
    store = filled(server)
    first = store.census().birth
    server.kill()
    server.start()
    census = store.census()
    assert census.users == (1 if durable == "yes" else 0)
    assert (census.birth.epoch != first.epoch, census.birth.born_at) == (True, NOW)
    store.note(Report("p", seen=(Seen("s1", "u1", "1.6.7", 0, NOW + 1000),)))
    assert store.census().versions == {"1.6.7": VersionCount(1, 1, 0, NOW)}
    store.close()


@pytest.mark.threat(54)
def test_54_flushed_it_is_another_store(start: Any) -> None:
    server = start()
    store = RedisStore(server.address, clock=HandClock(), fresh=lambda: False)
    store.add(session())
    first = store.census().birth
    with server.client() as client:
        client.flushall()
    birth = store.census().birth
    assert (birth.epoch != first.epoch, birth.fresh) == (True, False)
    assert store.resume(session()) == session()
    assert store.census().users == 1
    store.close()


@pytest.mark.threat(54)
def test_54_a_full_server_is_unknown(start: Any) -> None:
    server = start()
    store = filled(server)
    with server.client() as client:
        client.config_set("maxmemory", "1")
        for operation in ("add", "census", "note"):
            with pytest.raises(StoreError, match="maxmemory"):
                ask(store, operation) if operation != "add" else store.add(session("s2"))
        client.config_set("maxmemory", "0")
    assert store.census().users == 1
    store.close()


@pytest.mark.threat(54)
def test_54_a_replica_is_unknown(start: Any) -> None:
    server = start()
    store = filled(server)
    with server.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        for operation in ("add", "census", "note", "resume"):
            with pytest.raises(StoreError):
                ask(store, operation) if operation != "add" else store.add(session("s2"))
        with pytest.raises(UnfitStoreError, match="replica"):
            store.ping()
    store.close()


def test_readiness_refuses_a_server_that_drops_keys(start: Any) -> None:
    server = start("--maxmemory", "100mb")
    store = filled(server)
    store.ping()
    with server.client() as client:
        for policy in ("allkeys-lru", "volatile-ttl"):
            client.config_set("maxmemory-policy", policy)
            with pytest.raises(UnfitStoreError, match=policy):
                store.ping()
    store.close()


def test_a_password(start: Any) -> None:
    server = start("--requirepass", "open sesame/@:")
    address = RedisAddress(server.address.url, "open sesame/@:")
    store = RedisStore(address)
    store.ping()
    store.close()
    for wrong in (None, "another"):
        with pytest.raises(StoreError) as caught:
            RedisStore(RedisAddress(server.address.url, wrong)).ping()
        assert "another" not in str(caught.value)
    assert "sesame" not in repr(address)


def test_a_scripts_text_goes_over_once(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.address, clock=HandClock(), prefix="{scripts}")
    with redis_server.client() as client:
        client.script_flush()
        for operation in EVERYTHING:
            ask(store, operation)
        calls = client.info("commandstats")["cmdstat_eval"]["calls"]
        for operation in EVERYTHING:
            ask(store, operation)
        assert client.info("commandstats")["cmdstat_eval"]["calls"] == calls
    store.close()


def test_in_a_cluster_every_key_lies_in_one_slot(start: Any) -> None:
    port = str(free_port())
    server = start("--port", port, "--bind", "127.0.0.1", "--cluster-enabled", "yes")
    with server.client() as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: str(client.execute_command("CLUSTER", "INFO")), lambda said: "state:ok" in said)
        store = RedisStore(RedisAddress(f"redis://127.0.0.1:{port}"), clock=HandClock())
        store.ping()
        for operation in EVERYTHING:
            ask(store, operation)
        rows = (Seen("s2", "u2", "1.6.8", 0, NOW + 9), Seen("p1", None, "1.6.8", 0, NOW + 9))
        store.note(Report("p", seen=rows))
        assert store.census().versions == {"1.6.8": VersionCount(1, 1, 1, NOW)}
        slots = {client.execute_command("CLUSTER", "KEYSLOT", key) for key in client.keys("*")}
        assert len(slots) == 1
    assert type(store._client).__name__ == "RedisCluster"
    store.close()


@pytest.mark.threat(79)
def test_79_two_projects_on_one_redis_do_not_count_each_other(start: Any, keys: Path, tmp_path: Path) -> None:
    server = start()
    signing_keys.create(tmp_path / "others", "EdDSA")
    ours, theirs = Keyring(keys), Keyring(tmp_path / "others")

    def host(ring: Keyring) -> RedisStore:
        return RedisStore(server.address, clock=HandClock(), marks=ring.marks)

    first, second, other = host(ours), host(ours), host(theirs)
    first.add(session())
    first.ping()
    assert second.census().users == 1  # another host of the same project
    for operation in (*EVERYTHING[:-1], "ping"):
        with pytest.raises(UnfitStoreError, match="another project"):
            ask(other, operation) if operation != "ping" else other.ping()
    assert first.census().users == 1
    signing_keys.rotate(keys, "EdDSA")
    first.ping()  # a new key is of the same ring
    assert host(Keyring(keys)).census().users == 1
    with server.client() as client:
        client.delete("{bgctl}:owners")  # what the refusal says
    assert other.census().users == 1
    for store in (first, second, other):
        store.close()
