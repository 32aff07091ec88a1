"""`bgctl --host` by a real sshd: output, questions, Ctrl-C and exit codes come through."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.project import BGCTL
from tests.e2e.support import ssh_server
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually
from tests.terminals import Terminal


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with ssh_server.serving(tmp_path_factory.mktemp("ssh")) as env:
        yield env


def argv(stack: Stack, *arguments: str, host: str = "shop") -> list[str]:
    return [str(BGCTL), "--host", host, "--project", str(stack.directory), *arguments]


def there(stack: Stack, command: str) -> list[int]:
    """The bgctl of the other side: sshd's child has the project's folder and the command in its line."""
    wanted = [b"--project", str(stack.directory).encode(), command.encode()]
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[2:5] == wanted and b"--host" not in words:
            found.append(int(path.parent.name))
    return found


def test_output_and_exit_codes_are_those_of_the_other_side(stack: Stack, ssh: dict[str, str]) -> None:
    def asked(*arguments: str, host: str = "shop") -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv(stack, *arguments, host=host), env=ssh, capture_output=True, text=True)

    status = asked("status", "--json")
    assert (status.returncode, status.stderr) == (0, "")
    assert json.loads(status.stdout)["slots"] == stack.ask("status")["slots"]
    refused = asked("promote")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == stack.bgctl("promote", code=3).stderr
    assert asked("no-such-command").returncode == 2
    unreached = asked("status", host="nowhere")
    assert unreached.returncode == 1
    assert "Connection refused" in unreached.stderr
    assert "bgctl: nowhere was not reached" in unreached.stderr
    assert "next: ssh nowhere true" in unreached.stderr


def test_a_question_is_asked_here_and_ctrl_c_is_heard_there(stack: Stack, ssh: dict[str, str]) -> None:
    browser = stack.log_in()
    stack.start_of_release()
    asked = Terminal(argv(stack, "route", "disable-blue"), ssh)
    try:
        asked.until("Go on?")
        asked.press("n\n")
        assert asked.ended() == 3
    finally:
        asked.close()
    assert stack.version_of(browser) == OLD
    before = stack.state()
    waiting = Terminal(argv(stack, "drain"), ssh)
    try:
        waiting.until("1 session")
        waiting.press("\x03")
        assert waiting.ended() == 130
        assert "what is done stays done" in waiting.output
    finally:
        waiting.close()
    assert there(stack, "drain") == []
    assert stack.state() == before
    assert stack.version_of(stack.visitor()) == NEW


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_without_a_terminal_the_other_side_ends_with_this_one(
    stack: Stack, ssh: dict[str, str], number: signal.Signals
) -> None:
    stack.log_in()
    stack.start_of_release()
    process = subprocess.Popen(
        argv(stack, "drain"),
        env=ssh,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert there(stack, "drain")
    process.send_signal(number)
    process.wait(30)
    if number == signal.SIGKILL:
        subprocess.run(["pkill", "--session", str(process.pid)], check=True)  # its ssh
    process.stdout.close()
    eventually(lambda: there(stack, "drain") == [], "the other side has ended, too")
    stack.bgctl("rollback")
