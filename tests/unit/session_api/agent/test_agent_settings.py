"""What the agent is told by its environment, and how it ends where that is unfit."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from session_api.agent.settings import Settings, from_environment
from session_api.environment import SettingsError
from session_api.stores.redis.address import RedisAddress
from tests.unit.session_api.support.agents import Node
from tests.unit.session_api.support.data import ROOT
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually

GIVEN = {"BGCTL_STORE": "redis://h:6379/0", "BGCTL_PROJECT": "shop", "BGCTL_NODE": "web1"}


def test_defaults_and_all_that_can_be_set(tmp_path: Path) -> None:
    assert from_environment(GIVEN) == Settings(RedisAddress("redis://h:6379/0"), "shop", "web1")
    (tmp_path / "password").write_text("open sesame\n")
    more = {
        "BGCTL_STATE": "/s/state.json",
        "BGCTL_CONTROL": "http://[::1]:9181/",
        "BGCTL_STORE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    found = from_environment(GIVEN | more)
    assert (found.state, found.control) == (Path("/s/state.json"), "[::1]:9181")
    assert found.store.password == "open sesame"


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is not set") as caught:
        from_environment(GIVEN | {name: ""})
    assert "set it to" in caught.value.next_step


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BGCTL_STORE", "sqlite:////data/sessions.db"),
        ("BGCTL_PROJECT", "a shop"),
        ("BGCTL_NODE", "web1:9"),
        ("BGCTL_CONTROL", "127.0.0.1:9180"),
        ("BGCTL_STORE_PASSWORD_FILE", "/nowhere"),
    ],
)
def test_nonsense_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment(GIVEN | {name: text})


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "session_api.agent"]
    given = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(command, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.whole
def test_it_refuses_to_start_without_a_name_or_a_folder(tmp_path: Path) -> None:
    nameless = run(GIVEN | {"BGCTL_NODE": ""})
    assert (nameless.returncode, nameless.stderr.splitlines()[0]) == (1, "agent: BGCTL_NODE is not set")
    homeless = run(GIVEN | {"BGCTL_STATE": str(tmp_path / "none" / "state.json")})
    assert homeless.returncode == 1
    assert homeless.stderr.startswith(f"agent: {tmp_path}/none cannot be written")


@pytest.mark.whole
def test_it_refuses_to_start_where_it_cannot_know_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_text("{")
    done = run(GIVEN | {"BGCTL_STATE": str(tmp_path / "state.json")})
    assert done.returncode == 1
    assert done.stderr.startswith(f"agent: {tmp_path}/agent.json cannot be used")
    assert "next: remove it" in done.stderr


@pytest.mark.whole
def test_a_wrong_password_is_told_and_not_shown(
    start_redis: Callable[..., RedisServer], node: Callable[..., Node], tmp_path: Path
) -> None:
    server = start_redis("--requirepass", "open sesame")
    (tmp_path / "wrong").write_text("another secret")
    (tmp_path / "right").write_text("open sesame")
    web = node(store=server.address.url, BGCTL_STORE_PASSWORD_FILE=str(tmp_path / "wrong"))
    agent = web.start()
    said = eventually(lambda: agent.events("Redis gives no good answer"), bool)
    assert "invalid username-password pair" in said[0]
    assert agent.stop() == 0
    assert "secret" not in "".join(agent.lines)
    web.environment["BGCTL_STORE_PASSWORD_FILE"] = str(tmp_path / "right")
    again = web.start()
    eventually(lambda: again.events("Redis answers"), bool)
