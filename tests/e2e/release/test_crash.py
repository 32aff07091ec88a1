"""A release that is interrupted anywhere goes on, or is taken back, with the same commands."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import aiohttp
import pytest
from websockets.sync.client import connect

from testbed.project import BGCTL
from tests.e2e.support.killing import kill_at
from tests.e2e.support.stacks import NEW, OLD, eventually

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def release_to_drained(stack):
    stack.start_of_release()
    stack.bgctl("drain", "--timeout", "30s")


@contextmanager
def green_kept_open(stack):
    """A WebSocket on green: while it is open, a promotion goes no further than serve-blue."""
    with connect(f"ws{stack.url.removeprefix('http')}/ws") as socket:
        assert json.loads(socket.recv(10))["version"] == NEW
        yield


@pytest.mark.threat(42)
@pytest.mark.parametrize(
    "step", [pytest.param("retire-blue", marks=pytest.mark.faults), "serve-blue", "stop-green"]
)
def test_42_a_promotion_that_is_killed_goes_on(stack, step):
    release_to_drained(stack)
    browser = stack.log_in()
    with green_kept_open(stack) if step != "stop-green" else nullcontext():
        kill_at(stack, "promote", step=step)
    assert stack.version_of(browser) == NEW, "whoever is there is served, by whichever slot"
    stack.bgctl("promote")
    assert stack.version_of(browser) == NEW
    state = stack.state()
    assert (state["phase"], state["slots"]["blue"]["version"]) == ("rest", NEW)
    assert stack.containers("frontend-green") == []
    assert f"CURRENT_VERSION={NEW}" in (stack.directory / ".env").read_text()


@pytest.mark.threat(42)
@pytest.mark.parametrize("step", ["retire-blue", pytest.param("serve-blue", marks=pytest.mark.faults)])
def test_42_a_promotion_that_is_killed_can_be_rolled_back(stack, step):
    release_to_drained(stack)
    with green_kept_open(stack):
        kill_at(stack, "promote", step=step)
    stack.bgctl("rollback")
    assert stack.version_of(stack.visitor()) == OLD
    state = stack.state()
    assert (state["phase"], state["slots"]["blue"]["version"]) == ("rest", OLD)
    assert stack.containers("frontend-green") == []


@pytest.mark.threat(46)
def test_46_ctrl_c_in_a_drain_is_130_and_leaves_the_release_as_it_is(stack):
    stack.start_of_release()
    stack.bgctl("route", "disable-green")
    stack.log_in("late")
    stack.bgctl("route", "enable-green")
    before = stack.state()
    process = stack.start("drain", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert stack.state() == before
    stack.bgctl("rollback")


@pytest.mark.threat(44)
def test_44_a_lock_dies_with_its_owner(stack):
    """kill -9 in the middle of up-green: the next command works at once and leaves nothing behind."""
    process = stack.start("up-green", NEW, **QUIET, start_new_session=True)
    eventually(lambda: stack.containers("frontend-green"), "green is being started")
    process.kill()
    process.wait(timeout=30)
    stack.bgctl("up-green", NEW)
    assert stack.state()["slots"]["green"] == {"version": NEW, "state": "maint", "weight": 0}
    stack.bgctl("rollback")
    assert stack.containers("frontend-green") == []


def test_a_reboot_in_mid_release_comes_back_as_it_was(stack):
    """Every container stopped; `bgctl up` starts what the state says, each slot on its own version."""
    stack.start_of_release()
    stack.bgctl("route", "disable-green")
    old = stack.log_in("rita")
    stack.bgctl("route", "enable-green")
    stack.expected += ["connect\\(\\) failed|upstream|is (down|up again): "]
    with ThreadPoolExecutor() as all_at_once:
        list(
            all_at_once.map(
                lambda name: stack.client.containers.get(name).stop(timeout=5), stack.containers()
            )
        )
    stack.bgctl("up")
    assert stack.version_of(old) == OLD
    assert stack.version_of(stack.visitor()) == NEW


@pytest.mark.threat(48)
def test_48_without_terminal_home_or_path_as_under_cron(stack):
    """env -i: silent while it must wait, then the promotion, without a prompt."""
    stack.start_of_release()

    looks: list[subprocess.CompletedProcess[str]] = []

    def by_cron() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["env", "-i", str(BGCTL), "--project", str(stack.directory), "drain", "--auto"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def promoted() -> bool:
        looks.append(by_cron())
        return looks[-1].returncode != 5

    eventually(promoted, "blue is known to be empty")
    assert looks[-1].returncode == 0, looks[-1].stderr
    assert all(look.stdout + look.stderr == "" for look in looks[:-1])
    state = stack.state()
    assert (state["phase"], state["slots"]["blue"]["version"]) == ("rest", NEW)
    again = by_cron()
    assert (again.returncode, again.stdout + again.stderr) == (0, "")


def test_a_promotion_waits_for_an_open_request_on_green(stack):
    """A WebSocket on green when blue takes over: green is stopped when it has closed, and not before."""
    release_to_drained(stack)
    outcome: dict[str, object] = {}
    opened, may_close = threading.Event(), threading.Event()

    async def hold() -> None:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{stack.url}/ws") as socket:
            outcome["version"] = json.loads((await socket.receive()).data)["version"]
            opened.set()
            await asyncio.to_thread(may_close.wait, 60)
            await socket.send_str("still here")
            outcome["echo"] = (await socket.receive()).data

    holder = threading.Thread(target=asyncio.run, args=(hold(),))
    holder.start()
    assert opened.wait(30)
    promotion = stack.start("promote", **QUIET)
    eventually(lambda: (stack.state()["deployment"] or {}).get("step") == "serve-blue", "blue takes over")
    assert promotion.poll() is None
    assert stack.version_of(stack.visitor()) == NEW
    may_close.set()
    holder.join(60)
    assert outcome == {"version": NEW, "echo": "still here"}
    assert promotion.wait(60) == 0
    assert stack.containers("frontend-green") == []
