"""The real server: several workers and threads, killed, locked out, and still right."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from session_api.keys import signing_keys
from tests.unit.session_api.support.data import damage, write_release
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import Caller, Folder, Server

pytestmark = pytest.mark.whole


def census(server: Server, keys: Path) -> dict[str, Any]:
    with closing(Caller(server.url, keys)) as caller:
        return caller.census()


def missing(server: Server, keys: Path, acknowledged: list[str]) -> list[str]:
    """Which of the tokens the server does not know as sessions any more."""
    with closing(Caller(server.url, keys)) as caller:
        return [
            token
            for token in acknowledged
            if caller.call("GET", "/api/deployment/session", token).status_code != 200
        ]


class Crowd:
    """Four users who log in again and again, and remember what was acknowledged."""

    def __init__(self, url: str, keys: Path) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self._url = url
        self._keys = keys
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._pool = ThreadPoolExecutor(4)
        self._users = [self._pool.submit(self._log_in_for_ever, number) for number in range(4)]

    def _log_in_for_ever(self, number: int) -> None:
        with closing(Caller(self._url, self._keys)) as caller:
            while not self._stop.is_set():
                try:
                    answer = caller.log_in(f"u{number}", email="secret@mail.example")
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                    continue  # no whole answer: the client knows that it must try again
                with self._news:
                    if answer.status_code == 201:
                        self.acknowledged.append(answer.json()["token"])
                    else:
                        self.refused.append(answer.status_code)
                    self._news.notify_all()

    def wait_for(self, more: int) -> None:
        """Return when so many more log-ins were acknowledged."""
        with self._news:
            enough = len(self.acknowledged) + more
            assert self._news.wait_for(lambda: len(self.acknowledged) >= enough, timeout=120)

    def go_home(self) -> None:
        self._stop.set()
        self._pool.shutdown()
        for user in self._users:
            user.result()


@pytest.mark.threat(52)
def test_52_a_killed_worker_loses_no_session(serve: Any, keys: Path) -> None:
    server = serve()
    crowd = Crowd(server.url, keys)
    try:
        for _ in range(3):
            crowd.wait_for(10)
            os.kill(server.workers()[0], signal.SIGKILL)
        crowd.wait_for(10)
    finally:
        crowd.go_home()
    assert crowd.refused == []
    # Counted before any is asked for: the API takes a verified session that it does not know back in.
    counted = census(server, keys)
    assert counted["totalActiveUsers"] == 4
    assert counted["versions"]["1.6.8"]["sessions"] >= len(crowd.acknowledged)
    assert missing(server, keys, crowd.acknowledged) == []


@pytest.fixture(params=["sqlite", "redis"])
def store_of(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of servers that share a store of this kind."""
    if request.param == "sqlite":
        yield {}
        return
    redis = RedisServer()
    yield {"BGCTL_STORE": redis.address.url}
    redis.stop()


@dataclass
class Hosts:
    """Two servers over one store, for tests that leave the servers as they were."""

    folder: Folder
    servers: list[Server]
    empty: Callable[[], object]

    @property
    def keys(self) -> Path:
        return self.folder.keys


def new_folder(all_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("hosts"))
    shutil.copytree(all_keys, folder.keys)
    write_release(folder.state)
    return folder


@pytest.fixture(scope="module")
def sqlite_hosts(all_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = new_folder(all_keys, tmp_path_factory)
    yield Hosts(folder, [folder.serve(), folder.serve()], lambda: folder.database.unlink(missing_ok=True))
    folder.stop()


@pytest.fixture(scope="module")
def redis_hosts(all_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder, redis = new_folder(all_keys, tmp_path_factory), RedisServer()
    url = redis.address.url
    with redis.client() as client:
        yield Hosts(folder, [folder.serve(BGCTL_STORE=url), folder.serve(BGCTL_STORE=url)], client.flushall)
    folder.stop()
    redis.stop()


@pytest.fixture(params=["sqlite", "redis"])
def hosts(request: pytest.FixtureRequest) -> Hosts:
    """Two servers over an empty store of this kind."""
    found: Hosts = request.getfixturevalue(f"{request.param}_hosts")
    found.empty()
    return found


@pytest.fixture
def host(sqlite_hosts: Hosts) -> Hosts:
    """Servers over an empty SQLite file."""
    sqlite_hosts.empty()
    return sqlite_hosts


@pytest.mark.threat(52)
def test_52_a_killed_server_loses_no_session(serve: Any, keys: Path, store_of: dict[str, str]) -> None:
    server = serve(**store_of)
    crowd = Crowd(server.url, keys)
    try:
        crowd.wait_for(20)
        server.kill()
    finally:
        crowd.go_home()
    again = serve(**store_of)
    assert census(again, keys)["versions"]["1.6.8"]["sessions"] >= len(crowd.acknowledged)
    assert missing(again, keys, crowd.acknowledged) == []


@pytest.mark.threat(53)
def test_53_a_lock_is_waited_for_by_all_workers(host: Hosts) -> None:
    server, keys = host.servers[0], host.keys
    with closing(Caller(server.url, keys)) as caller:
        assert caller.log_in("first").status_code == 201
    lock = sqlite3.connect(host.folder.database, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")

    def log_in(number: int) -> int:
        with closing(Caller(server.url, keys)) as caller:
            return caller.log_in(f"u{number}").status_code

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(log_in, number) for number in range(8)]
        lock.execute("COMMIT")
        assert [each.result() for each in waiting] == [201] * 8
    lock.close()
    assert census(server, keys)["totalActiveUsers"] == 9


@pytest.mark.threat(56)
def test_56_double_logout_at_the_same_time(hosts: Hosts) -> None:
    servers, keys = hosts.servers, hosts.keys
    with closing(Caller(servers[0].url, keys)) as caller:
        token = caller.log_in("u1").json()["token"]
        caller.log_in("u2")
    together = threading.Barrier(8)

    def log_out(number: int) -> int:
        with closing(Caller(servers[number % 2].url, keys)) as caller:
            together.wait()
            return caller.call("POST", "/api/deployment/logout", token).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(log_out, range(8))) == [204] * 8
    for server in servers:
        assert census(server, keys)["versions"]["1.6.8"]["sessions"] == 1


def test_several_proxies_and_log_ins_at_once(hosts: Hosts) -> None:
    """Two hosts; four proxies that tell of the same sessions and of others; users who log in meanwhile."""
    servers, keys = hosts.servers, hosts.keys
    together = threading.Barrier(8)

    def work(number: int) -> None:
        with closing(Caller(servers[number % 2].url, keys)) as caller:
            together.wait()
            for batch in range(5):
                if number < 4:
                    rows = [tell(f"shared-{batch}-{each}", f"u{each}") for each in range(50)]
                    rows += [tell(f"{number}-{batch}-{each}", None) for each in range(50)]
                    assert "epoch" in caller.report(proxy=f"web{number}", sessions=rows)
                else:
                    assert caller.log_in(f"u{batch}").status_code == 201

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    with closing(Caller(servers[0].url, keys)) as caller:
        epoch = caller.report()["epoch"]
        for number in range(4):
            caller.report(proxy=f"web{number}", epoch=epoch)
    for server in servers:
        counted = census(server, keys)
        assert (counted["unknown"], counted["totalActiveUsers"]) == (None, 50)
        assert counted["versions"]["1.6.8"]["sessions"] == 5 * 50 + 4 * 5
        assert counted["versions"]["1.6.8"]["anonymous"] == 4 * 5 * 50


def tell(sid: str, user: str | None) -> list[Any]:
    now = time.time()
    return [sid, user, "1.6.8", now, now + 3600]


@pytest.mark.threat(11)
def test_11_a_large_token_is_told_so(host: Hosts) -> None:
    with closing(Caller(host.servers[0].url, host.keys)) as caller:
        answer = caller.call("GET", "/api/deployment/session", "x" * 9000)
        assert (answer.status_code, answer.json()["detail"]) == (401, "The token is refused: too_large.")


def test_counts_of_all_workers_meet(serve: Any, keys: Path) -> None:
    server = serve()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: requests.get(server.url + "/healthz", timeout=30), range(40)))
    requests.request("BREW", server.url + "/healthz", timeout=30)
    lines = requests.get(server.url + "/metrics", timeout=30).text.splitlines()
    assert 'bgctl_api_requests_total{method="GET",route="/healthz",status="200"} 40.0' in lines
    assert 'bgctl_api_requests_total{method="other",route="/healthz",status="400"} 1.0' in lines
    assert 'bgctl_api_request_duration_seconds_count{route="/healthz"} 41.0' in lines


def test_threads_of_one_worker_count_together_and_hostile_paths_add_no_series(serve: Any, keys: Path) -> None:
    server = serve()

    def hammer(number: int) -> None:
        with closing(Caller(server.url, keys)) as caller:
            for turn in range(25):
                assert caller.log_in(f"u{number}-{turn}").status_code == 201
                caller.call("GET", f"/nowhere/{number}/{turn}", "x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hammer, range(8)))
    text = requests.get(server.url + "/metrics", timeout=30).text
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["bgctl_api_tokens_issued_total", "login"] == 200
    routes = {key[2] for key in samples if key[0] == "bgctl_api_requests_total"}
    assert routes == {"/token", "none"}
    subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True, timeout=30)


@pytest.mark.threat(19)
def test_19_a_rotated_key_reaches_every_worker(host: Hosts) -> None:
    server = host.servers[0]
    info = signing_keys.rotate(host.keys, "ES256")
    for _ in range(8):  # a connection each, so that every worker is asked
        shown = requests.get(server.url + "/api/deployment/jwks.json", timeout=30).json()["keys"]
        assert info.kid in {key["kid"] for key in shown}


def test_connections_are_kept_alive(host: Hosts) -> None:
    with closing(Caller(host.servers[0].url, host.keys)) as caller:
        for _ in range(3):
            assert caller.call("GET", "/healthz").headers["connection"] == "keep-alive"


def test_logs_are_json_and_hold_no_secret(serve: Any, keys: Path, tmp_path: Path) -> None:
    server = serve()
    with closing(Caller(server.url, keys)) as caller:
        token = caller.log_in("user-name", email="secret@mail.example").json()["token"]
        damage(tmp_path / "sessions.db")
        assert caller.call("POST", "/api/deployment/refresh", token).status_code == 503
        seen = [["secret-sid", "user-name", "1.6.8", time.time(), time.time() + 60]]
        assert caller.report(sessions=seen)["status"] == 503
        assert caller.report(sessions=[*seen, ["secret-sid"]])["status"] == 400
        assert caller.call("GET", "/api/deployment/session", token + "x").status_code == 401
        secrets = [
            token,
            token.rpartition(".")[2],
            caller.service_key,
            caller.admin_key,
            caller.proxy_key,
            "secret-sid",
            "secret@mail",
            "user-name",
        ]
    server.stop()
    entries = [json.loads(line) for line in server.lines]
    failures = [entry for entry in entries if entry["event"] == "request failed"]
    routes = [("error", "/api/deployment/refresh"), ("error", "/_bgctl/activity")]
    assert [(entry["level"], entry["route"]) for entry in failures] == routes
    text = "".join(server.lines)
    assert not [secret for secret in secrets if secret in text]
