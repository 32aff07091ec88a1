"""What bgctl mends, on a real engine: proxies and services in trouble, lost files, broken output, signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import contextmanager

from tests.e2e.support.stacks import NEW, OLD, eventually

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@contextmanager
def occupied(port):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        yield


def test_a_proxy_that_dies_of_its_configuration_is_replaced(stack):
    conf = stack.directory / "proxy" / "nginx.conf"
    conf.write_text("nonsense;\n")
    proxy = stack.container("proxy")
    proxy.restart()
    eventually(lambda: proxy.reload() or proxy.attrs["RestartCount"] > 0, "the proxy crashes")
    stack.bgctl("up")
    assert stack.version_of(stack.visitor()) == OLD
    assert "nonsense" not in conf.read_text()


def test_people_are_served_when_the_session_api_cannot_start(stack):
    stack.expected.append(".")
    for container in map(stack.client.containers.get, stack.containers()):
        container.remove(force=True)
    with occupied(stack.ports.api):
        said = stack.bgctl("up", code=1).stderr
        assert f"{stack.ports.api} is taken by" in said
        assert "up to routing it is done" in said
        assert stack.version_of(stack.visitor()) == OLD
    stack.bgctl("up")
    eventually(lambda: stack.bgctl("sessions", code=None).returncode == 0, "the counts are known")


def test_a_deleted_state_is_adopted_after_what_the_proxy_has_seen(stack):
    stack.start_of_release()
    stack.bgctl("rollback")
    before = stack.state()["generation"]
    (stack.directory / "state" / "state.json").unlink()
    stack.expected.append("state")
    stack.bgctl("up")
    assert stack.state()["generation"] == before + 1
    assert stack.proxy_status()["generation"] == before + 1


def test_a_spoilt_state_is_put_back_from_its_copy(stack):
    stack.start_of_release()
    stack.expected.append("state")
    path = stack.directory / "state" / "state.json"
    good = stack.state()
    path.write_text(path.read_text()[:-20])
    said = stack.bgctl("route", "enable-green", code=1).stderr
    (command,) = [line.removeprefix("next: ") for line in said.splitlines() if line.startswith("next: ")]
    subprocess.run(command, shell=True, check=True)
    stack.bgctl("route", "enable-green")
    assert stack.state() == good


def test_a_promotion_goes_on_when_nobody_reads_what_it_says(stack):
    stack.start_of_release()
    stack.bgctl("drain", "--timeout", "30s")
    reading, writing = os.pipe()
    os.close(reading)
    process = stack.start("promote", stdout=writing, stderr=writing)
    os.close(writing)
    assert process.wait(timeout=120) == 0
    assert stack.state()["phase"] == "rest"
    assert stack.version_of(stack.visitor()) == NEW


def test_an_up_green_that_is_ended_leaves_no_green(stack):
    process = stack.start("up-green", "1.6.8-unhealthy", **QUIET, start_new_session=True)
    eventually(lambda: stack.containers("frontend-green"), "green is being started")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130
    assert stack.containers("frontend-green") == []
    assert stack.ask("history", "--changes")[-1]["outcome"] == "interrupted"


def test_a_rollback_at_rest_stops_a_green_that_a_kill_left_behind(stack):
    process = stack.start("up-green", "1.6.8-unhealthy", **QUIET, start_new_session=True)
    eventually(lambda: stack.containers("frontend-green"), "green is being started")
    process.kill()
    process.wait(timeout=30)
    assert "no part of a release" in stack.bgctl("rollback").stdout
    assert stack.containers("frontend-green") == []


def test_another_candidate_waits_for_a_rollback(stack):
    stack.bgctl("up-green", NEW)
    ids = stack.containers("frontend-green")
    assert "next: bgctl rollback" in stack.bgctl("up-green", "1.6.9", code=3).stderr
    assert stack.containers("frontend-green") == ids
