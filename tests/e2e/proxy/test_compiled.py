"""What most requests run is compiled by LuaJIT, and stays so: its own account of traces (jit.v) says it."""

from __future__ import annotations

import http.client
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from testbed.labels import labels
from testbed.ports import Ports
from tests.e2e.support.stacks import OLD, Stack, eventually
from tests.e2e.support.workbench import IMAGE

# What runs for each request whose decision was taken before.
HOT = r"\b(phases|log_phase|decision_cache|at_hand|inflight|outcome)\.lua:"
# The collector ends a recording when it calls a finalizer in its middle; it is tried again (LuaJIT, lj_gc.c:
# gc_call_finalizer, and lj_trace.c: trace_state).
COLLECTED = "error thrown or hook called during recording"
BATCH, BATCHES = 400, 30
JIT = 'package.path = package.path .. ";/usr/share/luajit-2.1/?.lua" require("jit.v").on("/tmp/jit.log")'


@contextmanager
def told(stack: Stack, folder: Path) -> Iterator[tuple[int, Container]]:
    """A second proxy of the stack, whose one worker writes down its traces; its port, and its container."""
    taken = Ports.free()
    shutil.copytree(stack.directory / "proxy", folder)
    folder.chmod(0o755)
    moved = {str(stack.ports.proxy): str(taken.proxy), str(stack.ports.control): str(taken.control)}
    for file in ("nginx.conf", "settings.json"):
        text = (folder / file).read_text()
        for old, new in moved.items():
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        text = re.sub(r"worker_processes \d+;", "worker_processes 1;", text)
        text = text.replace("init_worker_by_lua_block {", f"init_worker_by_lua_block {{ {JIT}")
        (folder / file).write_text(text)
    binds = stack.container("proxy").attrs["HostConfig"]["Binds"]
    container = docker.from_env().containers.run(
        IMAGE,
        detach=True,
        labels=labels(),
        network_mode="host",
        read_only=True,
        user="10001:10001",
        tmpfs={"/tmp": "mode=1777"},
        volumes=[f"{folder}:/etc/bgctl:ro", *(bind for bind in binds if ":/etc/bgctl:" not in bind)],
    )
    try:
        yield taken.proxy, container
        said = container.logs().decode()
        assert not said, said
    finally:
        container.remove(force=True)


def clients(stack: Stack) -> list[dict[str, str]]:
    """The headers of people with a token as bearer, with a token and a pin, and with a pin alone."""
    found: list[dict[str, str]] = []
    for number in range(10):
        claims = {"sub": f"u{number}", "sid": f"s{number}", "iss": "bgctl", "deploymentVersion": OLD}
        token = stack.sign({**claims, "exp": int(time.time()) + 3600})
        found.append({"Authorization": f"Bearer {token}"})
        for browser in (stack.log_in(f"u{number}"), stack.visitor()):
            browser.get(f"{stack.url}/", headers={"Accept": "text/html"}).raise_for_status()
            found.append({"Cookie": "; ".join(f"{each.name}={each.value}" for each in browser.cookies)})
    return found


def ask(port: int, headers: list[dict[str, str]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for number in range(BATCH):
        connection.request("GET", "/api/version", headers=headers[number % len(headers)])
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 500
    connection.close()


@pytest.mark.parametrize("phase", ["rest", "draining"])
def test_a_request_that_is_decided_again_runs_compiled(stack: Stack, tmp_path: Path, phase: str) -> None:
    people = clients(stack)
    if phase == "draining":
        stack.start_of_release()
    with told(stack, tmp_path / "proxy") as (port, container):

        def traces() -> list[str]:
            lines = container.exec_run("cat /tmp/jit.log").output.decode().splitlines()
            return [line for line in lines if re.search(HOT, line)]

        def answers() -> bool:
            try:
                ask(port, people[:1])
            except OSError:
                return False
            return True

        eventually(answers, "the second proxy answers")
        settled: list[str] = []
        for _ in range(BATCHES):
            before, settled = settled, traces()
            if settled and before == settled:
                break
            ask(port, people)
        else:
            raise AssertionError(f"traces come and go: {settled[-20:]}")
        assert any(re.search(r"phases\.lua:\d+ ", line) and "---" not in line for line in settled)
        assert any(re.search(r"log_phase\.lua:\d+ ", line) and "---" not in line for line in settled)
        assert not [line for line in settled if "blacklisted" in line]
        # LuaJIT also tries its hand at first requests, whose decisions are long, and gives those up. From
        # here on it gives up nothing, whatever it still compiles.
        for _ in range(3):
            ask(port, people)
        since = [line for line in traces()[len(settled) :] if COLLECTED not in line]
        assert not [line for line in since if "---" in line or "fallback" in line or "blacklisted" in line]
