"""The same version again, by way of green, with other settings: under load, killed half-way, and in vain."""

from __future__ import annotations

import subprocess

import pytest
import requests
from websockets.sync.client import connect

from testbed.load import LoadProcess
from testbed.load.user import Kind
from tests.e2e.support.killing import kill_at
from tests.e2e.support.stacks import OLD, Stack, eventually, running

SETTINGS = "      COOKIE_STEM: "
TELLS = "frontend-blue runs with other settings than your files say: FEATURE; next: bgctl restart"
MORE = "      FEATURE: ${FEATURE:-}\n      FAULT: ${FAULT:-}\n"

CROWD: dict[Kind, int] = {"cookie": 20, "bearer": 10, "anonymous": 10, "events": 3, "websocket": 4}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Both slots of its compose file take two more variables, from the env file."""
    directory = tmp_path_factory.mktemp("restart") / "project"
    with running(directory, Tunable, health_timeout="4s") as one:
        yield one


class Tunable(Stack):
    def create(self):
        super().create()
        path = self.directory / "compose.yaml"
        path.write_text(path.read_text().replace(SETTINGS, f"{MORE}{SETTINGS}"))
        return self

    def set(self, name, value):
        """In the env file, as an operator would."""
        path = self.directory / ".env"
        lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name}=")]
        path.write_text("\n".join([*lines, f"{name}={value}", ""]))

    def feature(self):
        """What the app answers."""
        return requests.get(f"{self.url}/api/whoami", timeout=10).json()["feature"]

    def at_rest(self):
        state = self.state()
        assert (state["phase"], state["deployment"]) == ("rest", None)
        assert state["slots"]["blue"] == {"version": OLD, "state": "ready", "weight": 100}
        assert not state.get("lineage"), "nobody has moved"
        assert self.containers("frontend-green") == []
        return True


def test_nobody_notices_a_restart(stack):
    """Under load: none failed, none flipped, no session moved, no WebSocket cut; and the value is another."""
    browser, before = stack.log_in(), stack.container("frontend-blue").id
    assert stack.ask("status")["differences"] == [], "nothing has been changed yet"
    stack.set("FEATURE", "one")
    assert TELLS in stack.bgctl("status").stdout
    with LoadProcess(stack.url, served={OLD}, rate=150) as load:
        load.keep(10)
        for kind, number in CROWD.items():
            load.spawn(kind, number)
        load.leave(OLD, 0.3, come_back=True)
        eventually(lambda: load.snapshot().websockets_opened >= 4, "the WebSockets are open")
        with connect(f"ws{stack.url.removeprefix('http')}/ws") as socket:
            said = stack.start("restart", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            eventually(lambda: stack.state()["slots"]["blue"]["state"] == "drain", "green has taken over")
            socket.ping().wait(10)
        told, _ = said.communicate(timeout=120)
        load.call_all()
        tally = load.stop()
    assert said.returncode == 0, told
    assert tally.clean, tally
    assert (tally.kept, tally.moved, tally.migrated) == (tally.regulars, 0, 0)
    assert stack.version_of(browser) == OLD
    assert stack.feature() == "one"
    assert stack.container("frontend-blue").id != before
    assert stack.at_rest()
    assert "frontend-blue: it brings FEATURE" in told
    assert stack.ask("status")["differences"] == []
    last = [line for line in stack.ask("history", "--changes") if line["what"] == "restart"][-1]
    assert last["outcome"] == "done"


def test_settings_with_which_it_does_not_come_up_are_undone(stack):
    """Green is stopped, its last lines are shown, and blue serves on in the container that it had."""
    before = stack.container("frontend-blue").id
    stack.set("FAULT", "unhealthy")
    for said in (stack.bgctl("up").stderr, stack.bgctl("doctor", code=None).stdout):
        assert "other settings than your files say: FAULT" in said
        assert "unhealthy" not in said, "a value may be a secret"
    done = stack.bgctl("restart", code=1)
    stack.set("FAULT", "")
    assert "undo start-green" in done.stdout
    assert "frontend-green" in done.stderr
    assert "500" in done.stderr
    assert stack.container("frontend-blue").id == before
    assert stack.at_rest()


@pytest.mark.threat(42)
@pytest.mark.parametrize(
    "step",
    [
        *("serve-green", "start-blue"),
        *[
            pytest.param(each, marks=pytest.mark.faults)
            for each in ("retire-blue", "serve-blue", "stop-green")
        ],
    ],
)
def test_42_a_restart_that_is_killed_goes_on(stack, step):
    browser = stack.log_in()
    stack.set("FEATURE", step)
    kill_at(stack, "restart", step=step)
    assert stack.version_of(browser) == OLD
    refused = stack.bgctl("deploy", "1.6.8", "--yes", code=3)
    assert "next: bgctl restart, or: bgctl rollback" in refused.stderr
    assert "1.6.7 restarts" in stack.bgctl("status").stdout
    stack.bgctl("restart")
    assert stack.feature() == step
    assert stack.version_of(browser) == OLD
    assert stack.at_rest()


@pytest.mark.threat(42)
def test_42_a_restart_that_is_killed_is_taken_back(stack):
    """While blue is there it serves on with what it had; once it is gone, what it had is gone as well."""
    had, before = stack.feature(), stack.container("frontend-blue").id
    stack.set("FEATURE", "two")
    kill_at(stack, "restart", step="serve-green")
    stack.bgctl("rollback")
    assert (stack.feature(), stack.container("frontend-blue").id) == (had, before)
    assert stack.at_rest()
    kill_at(stack, "restart", step="start-blue")
    done = stack.bgctl("rollback")
    assert "what blue had before is gone" in done.stderr
    assert stack.feature() == "two"
    assert stack.at_rest()
