"""The state file and the workers: switches, garbage, races, workers that die or are replaced."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import requests

from testbed.load import LoadProcess
from tests.e2e.support.stacks import NEW, OLD, eventually

REFUSED = r"state\.json refused, the last good one stays in force"


def workers(release):
    return {row["pid"]: row for row in release.proxy_status()["workers"] if not row["exiting"]}


def are_others(release, before: set[int]) -> bool:
    """Whether as many workers as before serve, and none of them did before."""
    now = set(workers(release))
    return len(now) == 2 and not now & before


def host_pids(release):
    """Host pids of the nginx master and of its workers."""
    master = release.container("proxy").attrs["State"]["Pid"]
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return master, [int(pid) for pid in children]


@pytest.mark.threat(61)
def test_a_switch_is_in_force_in_every_worker_when_bgctl_returns(release):
    """Both workers, asked over many connections at once."""
    for command, expected in [("disable-green", OLD), ("enable-green", NEW)] * 3:
        release.bgctl("route", command)
        generation = release.state()["generation"]
        status = release.proxy_status()
        assert len(status["workers"]) == status["workersExpected"] == 2
        assert {row["generation"] for row in status["workers"]} == {generation}
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: release.version_of(release.visitor()), range(24)))
        assert set(answers) == {expected}


@pytest.mark.threat(41)
@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"null",
        b"\x00" * 4096,
        b'{"schema": 3}',
        b"<html>" * 1000,
        "torn",
        "one bad entry",
        "nobody ready",
        "a folder",
        "gone",
    ],
)
def test_41_garbage_in_place_of_the_state_changes_nothing(release, garbage):
    release.start_of_release()
    release.expected.append(REFUSED)
    old = release.visitor()
    path = release.directory / "state" / "state.json"
    good = path.read_bytes()
    before = release.proxy_status()
    version = release.version_of(old)
    try:
        spoil(path, good, garbage)
        eventually(lambda: release.proxy_status()["stateError"], "the bad file is noticed")
        assert [release.version_of(old) for _ in range(10)] == [version] * 10
        assert release.version_of(release.visitor()) == NEW
        now = release.proxy_status()
        assert (now["generation"], now["slots"]["blue"]["version"]) == (before["generation"], OLD)
        assert release.bgctl("status", code=None).returncode != 0 or garbage == "gone"
    finally:
        restore(path, good)
    eventually(lambda: release.proxy_status()["stateError"] is None, "the good file is back in force")


def spoil(path, good, garbage):
    document = json.loads(good)
    if garbage == "torn":
        path.write_bytes(good[: len(good) // 2])
    elif garbage == "one bad entry":
        document["slots"]["green"]["weight"] = "100"
        path.write_text(json.dumps(document))
    elif garbage == "nobody ready":
        for slot in document["slots"].values():
            slot["weight"] = 0
        path.write_text(json.dumps(document))
    elif garbage == "a folder":
        path.unlink()
        path.mkdir()
    elif garbage == "gone":
        path.unlink()
    else:
        path.write_bytes(garbage)


def restore(path, good):
    if path.is_dir():
        path.rmdir()
    aside = path.with_name("restored")
    aside.write_bytes(good)
    aside.chmod(0o644)
    aside.rename(path)


@pytest.mark.threat(44)
def test_44_of_two_bgctl_at_once_one_is_told_who_has_the_lock(release):
    """Many at once: each either does its work or exits 4 naming the holder; the state is whole after it."""
    release.start_of_release()
    commands = [("route", "disable-green"), ("route", "enable-green")] * 4
    racers = [release.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
    outcomes = [(racer.communicate(timeout=120), racer.returncode) for racer in racers]
    assert {code for _, code in outcomes} <= {0, 4}
    assert 0 in {code for _, code in outcomes}
    for (_, err), code in outcomes:
        if code == 4:
            assert "pid" in err, err
            assert "since" in err, err
    eventually(lambda: release.proxy_status()["generation"] == release.state()["generation"], "it settles")
    release.start_of_release()


@pytest.mark.threat(59)
def test_59_a_killed_workers_replacement_is_right_at_once_and_its_open_requests_are_gone(release):
    release.start_of_release()
    release.expected.append(r"exited on signal 9")
    old = release.visitor()
    release.bgctl("route", "disable-green")
    release.version_of(old)
    release.start_of_release()
    _, pids = host_pids(release)
    before = set(workers(release))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: are_others(release, before), "two new workers serve")
    assert release.version_of(old) == OLD
    assert release.version_of(release.visitor()) == NEW
    eventually(
        lambda: [slot["open"] for slot in release.proxy_status()["slots"].values()] == [0, 0],
        "what dead workers had open is not counted for ever",
    )


@pytest.mark.threat(28)
def test_28_open_requests_return_to_zero_when_clients_go_away(release):
    """Aborted in the middle of an upload: routed, counted in, counted out."""
    connections = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", release.ports.proxy), timeout=10)
        connection.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        connection.sendall(
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        connections.append(connection)

    def slots(field):
        return sum(slot[field] for slot in release.proxy_status()["slots"].values())

    eventually(lambda: slots("open") == slots("websockets") == 20, "20 WebSockets are open")
    for connection in connections:
        connection.close()
    eventually(lambda: slots("open") == slots("websockets") == 0, "none is open")


@pytest.mark.threat(60)
def test_60_a_reload_under_load_loses_nothing(release):
    """HUP: the old workers finish what they have, WebSockets and event streams included."""
    release.start_of_release()
    with LoadProcess(release.url, served={OLD, NEW}, rate=200) as load:
        load.spawn("cookie", 20)
        load.spawn("anonymous", 10)
        load.spawn("websocket", 10)
        load.spawn("events", 5)
        eventually(lambda: load.snapshot().websockets_opened >= 10, "the WebSockets are open")
        eventually(lambda: load.snapshot().streams_opened >= 5, "the event streams are open")
        for _ in range(3):
            before = set(workers(release))
            release.container("proxy").kill("SIGHUP")
            eventually(partial(are_others, release, before), "two new workers serve")
        done = load.snapshot().requests
        eventually(lambda: load.snapshot().requests > done + 200, "the load goes on")
        tally = load.stop()
    assert tally.clean, tally


@pytest.mark.threat(47)
def test_47_a_proxy_that_restarts_in_mid_drain_drains_from_the_first_accept(release):
    """Asked without a pause while it restarts: the first answers are already right.

    A client without a jar is known again as soon as the session API has told of it.
    """
    release.bgctl("route", "disable-green")
    old = release.visitor()
    assert release.version_of(old) == OLD
    script = requests.Session()
    script.headers["Authorization"] = "Basic c2NyaXB0OmtleQ=="
    assert [release.version_of(script) for _ in range(2)] == [OLD, OLD]
    eventually(lambda: release.census()["versions"][OLD]["anonymous"] >= 1, "the script is counted")
    release.start_of_release()
    answers: list[str] = []
    back = threading.Event()
    end = time.monotonic() + 60
    before = 0

    def ask() -> None:
        nonlocal before
        while time.monotonic() < end and not (back.is_set() and len(answers) >= before + 20):
            before = before if back.is_set() else len(answers)
            try:
                answers.append(release.version_of(old))
                answers.append("newcomer " + release.version_of(release.visitor()))
            except requests.ConnectionError:
                time.sleep(0.002)

    asker = threading.Thread(target=ask)
    asker.start()
    release.container("proxy").restart(timeout=10)
    back.set()
    asker.join()
    assert len(answers) >= before + 20
    assert set(answers) == {OLD, f"newcomer {NEW}"}
    eventually(lambda: release.version_of(script) == OLD, "the script is where it was")
    assert [release.version_of(script) for _ in range(8)] == [OLD] * 8


@pytest.mark.threat(62)
def test_62_the_age_of_the_last_sync_is_a_metric(release):
    text = requests.get(f"{release.control_url}/metrics", timeout=10).text
    (age,) = [line.split()[1] for line in text.splitlines() if line.startswith("bgctl_state_age_seconds ")]
    assert 0 <= float(age) < 5
