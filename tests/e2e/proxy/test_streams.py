"""What takes long, when its slot is taken away: it lives until it closes, or is told to at a deadline."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from operator import itemgetter
from typing import Any

import pytest
import requests

from tests.e2e.support.lasting import MEGABYTE, Download, Events, Poll, Socket, Upload
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

DEAF = "1.6.8-deaf"  # does not hear SIGTERM
PREMATURELY = r"prematurely closed|reset by peer|connect\(\) failed"


@pytest.fixture
def brisk(tmp_path):
    """A stack whose deadlines are short."""
    with running(
        tmp_path / "project", request_deadline="1s", websocket_deadline="1s", stop_grace="6s"
    ) as one:
        one.expected.append(PREMATURELY)
        yield one


def slot(stack: Stack, name: str):
    return stack.proxy_status()["slots"][name]


def retire(stack: Stack, name: str) -> subprocess.Popen[str]:
    """Begins to stop a slot that has things open; they have been routed elsewhere when this returns."""
    if name == "blue":
        stack.bgctl("route", "disable-blue", "--yes")
    command = "promote" if name == "blue" else "rollback"
    process = stack.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    eventually(lambda: unrouted(stack, name), f"{name} is out of routing")
    return process


def unrouted(stack: Stack, name: str) -> bool:
    """In every worker: /status is one worker's word of the slots, and the other may be behind."""
    state, workers = stack.state(), stack.proxy_status()["workers"]
    applied = {row["generation"] for row in workers if not row["exiting"]}
    return state["slots"][name]["state"] == "maint" and applied == {state["generation"]}


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def deaths(stack: Stack, container: str, since: float) -> list[dict[str, Any]]:
    """What the engine did to a container: signals, and its end."""
    events = stack.client.events(
        since=int(since) - 1,
        until=int(time.time()) + 2,
        filters={"container": container, "event": ["kill", "die"]},
        decode=True,
    )
    return list(events)


@pytest.mark.threat(27)
@pytest.mark.parametrize(("name", "old", "new"), [("blue", OLD, NEW), ("green", NEW, OLD)])
def test_27_what_is_open_lives_through_a_switch_and_promote_or_rollback(stack, name, old, new):
    """Blue is retired by `promote`, green by `rollback`. Content is compared byte by byte."""
    stack.bgctl("up-green", NEW)
    if name == "green":
        stack.bgctl("route", "enable-green")
    sockets, streams = [Socket(stack) for _ in range(3)], [Events(stack) for _ in range(2)]
    upload, download, poll = Upload(stack), Download(stack), Poll(stack, 8)
    held: list[Socket | Events] = [*sockets, *streams]
    eventually(lambda: itemgetter("open", "websockets")(slot(stack, name)) == (8, 5), "all is open")
    assert {one.version for one in (*held, download)} == {old}
    for command in (["canary", "50"], ["enable-green"]) * 2:
        stack.bgctl("route", *command)
    process = retire(stack, name)
    assert stack.version_of(stack.visitor()) == new
    for _ in range(2):
        assert all(one.lives() for one in held)
    assert (upload.finish(), download.whole()) == ((201, True, old), True)
    assert poll.end() == {"version": old, "note": None}
    assert process.poll() is None, "it waits for the WebSockets and event streams"
    assert all(one.lives() for one in held)
    for one in held:
        one.close()
    ended(process)
    assert stack.version_of(stack.visitor()) == new


@pytest.mark.threat(40)
def test_40_at_the_deadline_the_app_is_told_and_closes_one_by_one(brisk):
    """1012 and `bye`, spread over its grace; who comes back gets the new version; nothing is killed."""
    brisk.bgctl("up-green", NEW)
    sockets, streams = [Socket(brisk) for _ in range(10)], [Events(brisk) for _ in range(4)]
    poll, upload = Poll(brisk, 60), Upload(brisk)
    blue, began = brisk.container("frontend-blue").id, time.time()
    brisk.bgctl("route", "enable-green")
    process = retire(brisk, "blue")

    def close_and_return(one: Socket) -> str:
        one.wait_closed()
        again = Socket(brisk)
        again.close()
        return str(again.version)

    with ThreadPoolExecutor(len(sockets)) as pool:
        assert set(pool.map(close_and_return, sockets)) == {NEW}
    said = ended(process)
    assert "at their deadline" in said
    assert [one.closed[1] for one in sockets if one.closed] == [1012] * 10
    for one in streams:
        one.close()
        assert one.ended
        assert (one.ended[1], one.events[-1]) == ("ended", "bye")
    assert poll.end() == {"version": OLD, "note": None}, "told to come back, before it is cut"
    ends = sorted(one.closed[0] for one in sockets if one.closed)
    assert len(ends) == len(sockets)
    assert ends[-1] - ends[0] > 6 * 0.25, "not all at once"
    acts = deaths(brisk, blue, began)
    assert [act["Action"] for act in acts] == ["kill", "die"]
    assert acts[0]["Actor"]["Attributes"]["signal"] == "15"
    assert acts[1]["Actor"]["Attributes"]["exitCode"] == "0"
    switched = [
        line for line in brisk.ask("history", "--changes") if line["command"].startswith("route disable-blue")
    ]
    assert switched, "it was out of routing before it was told"
    # Routed before the switch, whole only after its slot has been stopped and started anew.
    assert upload.finish() == (201, True, NEW)


@pytest.mark.threat(40)
def test_40_an_app_that_is_deaf_to_sigterm_is_cut_after_its_grace_and_not_before(brisk):
    brisk.bgctl("up-green", DEAF)
    brisk.bgctl("route", "enable-green")
    held = Socket(brisk)
    assert held.version == DEAF
    green, began = brisk.container("frontend-green").id, time.time()
    process = retire(brisk, "green")
    held.wait_closed()
    ended(process)
    assert held.closed
    assert held.closed[1] == 1006
    told, killed, died = deaths(brisk, green, began)
    signals = [act["Actor"]["Attributes"].get("signal") for act in (told, killed)]
    assert signals == ["15", "9"]
    assert died["Actor"]["Attributes"]["exitCode"] == "137"
    assert (killed["timeNano"] - told["timeNano"]) / 1e9 > 5.9, "stop_grace is 6 s"


@pytest.mark.threat(37)
def test_37_a_container_that_dies_in_a_drain_is_failed_over_counted_and_told(stack):
    """Killed by the kernel, as when memory runs out: its sessions are served by green until it is back."""
    stack.expected += [PREMATURELY, r"blue is (down|up)"]
    old = stack.log_in("olga")
    stack.start_of_release()
    held, streamed = Socket(stack), stack.container("frontend-blue")
    streamed.update(restart_policy={"Name": "no"})
    assert stack.version_of(old) == OLD
    os.kill(streamed.attrs["State"]["Pid"], signal.SIGKILL)
    eventually(lambda: stack.container("frontend-blue").status == "exited", "blue is dead")
    assert held.lives(), "green's is not touched"
    held.close()
    for _ in range(5):
        assert stack.version_of(old) == NEW
    metrics = f"{stack.control_url}/metrics"
    eventually(
        lambda: (
            'bgctl_failovers_total{slot="blue",version="1.6.7"} 5' in requests.get(metrics, timeout=10).text
        ),
        "counted",
    )
    told = stack.ask("status")["slots"]["blue"]
    assert told["container"] == "exited"
    assert told["health"]
    stack.bgctl("drain", "--auto", code=5)
    streamed.start()
    eventually(lambda: old.get(f"{stack.url}/api/whoami", timeout=10).json()["version"] == OLD, "back")


@pytest.mark.threat(29)
def test_29_with_no_connection_left_state_and_timers_survive(stack):
    """A proxy of 64 connections a worker: idle clients make room; those who hold on are cut in seconds."""
    none_left = "worker_connections are not enough"
    stack.expected += [none_left, r"failed to run timer", r"context: ngx\.timer"]  # reports to itself
    conf = stack.directory / "proxy" / "nginx.conf"
    few, changed = conf.read_text(), ""
    for line in few.splitlines():
        changed += (
            "worker_connections 64;\n" if "worker_connections " in line and ";" in line else f"{line}\n"
        )
    conf.write_text(f"worker_rlimit_nofile 512;\n{changed}")
    before = {row["pid"] for row in stack.proxy_status()["workers"]}
    stack.container("proxy").kill("SIGHUP")
    eventually(
        lambda: not before & {row["pid"] for row in stack.proxy_status()["workers"]}, "the new workers are it"
    )
    stack.bgctl("up-green", NEW)
    with connections(stack, 300):
        stack.bgctl("route", "enable-green")
        assert stack.version_of(stack.visitor()) == NEW
    with connections(stack, 150, b"GET / HTTP/1.1\r\nHost: x\r\n"):
        eventually(lambda: switches(stack, "disable-green"), "those who hold on are cut, and it goes on")
        eventually(lambda: max(ages(stack), default=inf) < 1, "every worker reads the state")
        eventually(lambda: answered(stack) == OLD, "there is room again")
    assert any(none_left in line for line in stack.error_log())


@contextmanager
def connections(stack: Stack, number: int, sent: bytes = b""):
    with ExitStack() as opened:
        yield [opened.enter_context(connection(stack, sent)) for _ in range(number)]


def connection(stack: Stack, sent: bytes = b"") -> socket.socket:
    one = socket.create_connection(("127.0.0.1", stack.ports.proxy), timeout=30)
    one.sendall(sent)
    return one


def switches(stack: Stack, command: str) -> bool:
    return stack.bgctl("route", command, code=None).returncode == 0


def answered(stack: Stack) -> str | None:
    """The version that answers; None while there is no room for the request."""
    with suppress(requests.ConnectionError):
        answer = requests.get(f"{stack.url}/api/whoami", timeout=30)
        return answer.json()["version"] if answer.status_code == 200 else None
    return None


def ages(stack: Stack) -> list[float]:
    """Seconds since each worker has read the state; none while there is no room for the question."""
    with suppress(requests.ConnectionError):
        return [row["stateAge"] for row in stack.proxy_status()["workers"] if not row["exiting"]]
    return []


@pytest.fixture
def impatient(tmp_path):
    with running(tmp_path / "project", proxy_more={"client_timeout": "3s"}) as one:
        yield one


@pytest.mark.threat(24)
def test_24_slow_clients_are_cut_and_others_do_not_notice(impatient):
    """Headers, bodies and readers that stand still, twenty of each at the same time."""
    stack = impatient
    body = b"POST /api/notes HTTP/1.1\r\nHost: x\r\nIdempotency-Key: 12345678\r\nContent-Length: 100\r\n\r\nx"
    reader = b"GET /api/files/200 HTTP/1.1\r\nHost: x\r\n\r\n"
    slow = [connection(stack, sent) for sent in (b"GET / HTTP/1.1\r\nHo", body, reader) for _ in range(20)]
    eventually(lambda: slot(stack, "blue")["open"] == 40, "what can be routed is")
    end = time.monotonic() + 90
    while slot(stack, "blue")["open"] and time.monotonic() < end:
        assert stack.version_of(stack.visitor()) == OLD
    assert slot(stack, "blue")["open"] == 0
    for one in slow[:40]:
        one.settimeout(30)
        while one.recv(65536):
            pass
    for one in slow:
        one.close()


def test_a_full_tmp_refuses_large_bodies_and_nothing_else(stack):
    """A 503 that says when to come back, with nothing sent to the app; and it ends with the fullness."""
    stack.expected.append(r"No space left on device")
    proxy = stack.container("proxy")
    assert proxy.exec_run("sh -c 'head -c 1G /dev/zero > /tmp/full'").exit_code != 0
    try:
        refused = Upload(stack)
        assert refused.finish()[0] == 503
        assert stack.version_of(stack.visitor()) == OLD
        stack.log_in("ada")
        assert Download(stack).whole()
        eventually(lambda: slot(stack, "blue")["open"] == 0, "nothing is open")
        ledger = requests.get(f"http://127.0.0.1:{stack.ports.blue}/api/ledger", timeout=10).json()
        assert refused.key not in ledger
    finally:
        proxy.exec_run("rm /tmp/full")
    assert Upload(stack).finish() == (201, True, OLD)


def test_a_body_over_the_limit_is_refused_and_one_below_arrives(stack):
    stack.expected.append(r"client intended to send too large body")
    assert Upload(stack, megabytes=99).finish() == (201, True, OLD)
    answer = requests.post(
        f"{stack.url}/api/files", headers={"Content-Length": str(101 * MEGABYTE)}, timeout=30
    )
    assert answer.status_code == 413
