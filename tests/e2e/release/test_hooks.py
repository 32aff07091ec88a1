"""The operator's own commands in a real release, and the server that is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.support.stacks import NEW, OLD, Stack
from tests.web_server import Web
from toolkit.notices import notice

HOOKS = """
[hooks]
post_up_green = "echo $BGCTL_HOOK $BGCTL_OLD_VERSION to $BGCTL_VERSION >> ran"
pre_switch = "echo $BGCTL_HOOK >> ran; test -e go || {{ echo not on a Friday >&2; exit 1; }}"
post_switch = "echo $BGCTL_HOOK >> ran"
pre_promote = "echo $BGCTL_HOOK >> ran"
post_promote = "echo $BGCTL_HOOK >> ran"
on_rollback = "echo $BGCTL_HOOK >> ran"
on_failure = "echo $BGCTL_HOOK >> ran"

[notify]
url = "http://{address}/bgctl"
"""


@pytest.fixture
def server() -> Iterator[Web]:
    web = Web()
    web.answers["/bgctl"] = (204, b"")
    yield web
    web.stop()


@pytest.fixture
def hooked(stack: Stack, server: Web) -> Iterator[Stack]:
    toml = stack.directory / "bgctl.toml"
    before = toml.read_text()
    toml.write_text(before + HOOKS.format(address=server.address))
    yield stack
    toml.write_text(before)


def test_a_release_that_a_hook_stops_and_one_that_it_lets_through(hooked: Stack, server: Web) -> None:
    browser = hooked.log_in()
    stopped = hooked.bgctl("deploy", NEW, "--yes", "--skip-build", code=1)
    assert "not on a Friday" in stopped.stdout + stopped.stderr
    assert "[hooks] pre_switch failed with exit code 1" in stopped.stderr
    assert (hooked.state()["phase"], hooked.containers("frontend-green")) == ("rest", [])
    assert (hooked.version_of(browser), hooked.version_of(hooked.visitor())) == (OLD, OLD)
    hooked.log_all_out()
    (hooked.directory / "go").touch()
    hooked.bgctl("deploy", NEW, "--yes", "--skip-build")
    assert hooked.version_of(hooked.visitor()) == NEW
    assert (hooked.directory / "ran").read_text().splitlines() == [
        f"post_up_green {OLD} to {NEW}",
        "pre_switch",
        "on_rollback",
        "on_failure",
        f"post_up_green {OLD} to {NEW}",
        "pre_switch",
        "post_switch",
        "pre_promote",
        "post_promote",
    ]
    told = [json.loads(body) for _, _, body in server.requests]
    events = ["up-green", "rollback", "failure", "up-green", "switch", "promote"]
    assert [each["event"] for each in told] == events
    assert {each["reason"] != "" for each in told if each["event"] == "failure"} == {True}
    key = notice.key_of((hooked.directory / "keys" / "notify.secret").read_text().strip())
    for _, headers, body in server.requests:
        signed = notice.headers(key, headers["Webhook-Id"], int(headers["Webhook-Timestamp"]), body)
        assert headers["Webhook-Signature"] == signed["Webhook-Signature"]
