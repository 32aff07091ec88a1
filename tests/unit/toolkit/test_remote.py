"""`--host`: what ssh is told, and what becomes of its exit codes. An sshd is in tests/e2e/release/."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.toolkit.support.worlds import BGCTL
from toolkit import remote
from toolkit.context import CALLER

FAKE = """#!/bin/sh
for each in "$@"; do printf '%s\\0' "$each"; done > {folder}/argv
printf '%s' "$BGCTL_ENDS_WITH_CALLER,$NO_COLOR" > {folder}/told
"""


def test_every_argument_arrives_as_it_was_typed(tmp_path: Path) -> None:
    bgctl = tmp_path / ".local" / "bin" / "bgctl"
    bgctl.parent.mkdir(parents=True)
    bgctl.write_text(FAKE.format(folder=tmp_path))
    bgctl.chmod(0o755)
    plain = ["route", "", "a b", "it's", '"$HOME"', "`id`", "x;y", "*", "a\nb", "ü", "--", "!x", "#"]
    for shell, argv in (
        ("sh", [*plain, "\\"]),
        ("bash", [*plain, "\\"]),
        ("zsh", [*plain, "\\"]),
        ("fish", plain),
    ):
        script = remote.line("h", argv, False, {"NO_COLOR": "1"})[-1]
        subprocess.run(
            [shell, "-c", script], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True
        )
        assert (tmp_path / "argv").read_bytes().decode().split("\0")[:-1] == argv, shell
        assert (tmp_path / "told").read_text() == "1,1"
        (tmp_path / "argv").unlink()


def test_a_terminal_is_asked_for_only_where_there_is_one() -> None:
    assert remote.line("ada@shop", ["status"], True, {})[:4] == ["ssh", "-t", "--", "ada@shop"]
    assert CALLER not in remote.line("ada@shop", ["status"], True, {})[-1]
    assert remote.line("ada@shop", ["status"], False, {})[:4] == ["ssh", "-T", "--", "ada@shop"]


@pytest.mark.parametrize("host", ["-oProxyCommand=id", "a b", "a;b", "@x", "x@", "a@b@c", "ssh://a"])
def test_what_is_no_host_is_refused(host: str) -> None:
    done = subprocess.run([BGCTL, f"--host={host}", "status"], capture_output=True, text=True)
    assert done.returncode == 3
    assert "is no host" in done.stderr


@pytest.mark.parametrize(
    ("code", "ends", "said"),
    [
        (0, 0, ""),
        (5, 5, ""),
        (130, 130, ""),
        (255, 1, "ada@shop was not reached: ssh says why, above; or bgctl was killed there"),
        (127, 1, "there is no bgctl on ada@shop"),
    ],
)
def test_exit_codes(tmp_path: Path, code: int, ends: int, said: str) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" > {tmp_path}/line\nexit {code}\n')
    ssh.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    argv = [str(BGCTL), "--host", "ada@shop", "--project", "shop", "nothing-of-ours", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, env=env)
    assert (done.returncode, said in done.stderr) == (ends, True)
    assert (tmp_path / "line").read_text().startswith("-T -- ada@shop exec sh -c ")
    assert "bgctl --project shop nothing-of-ours --json" in (tmp_path / "line").read_text()
    env["BGCTL_HOST"] = "shop"
    subprocess.run([BGCTL, "status"], capture_output=True, env=env)
    assert "-T -- shop" in (tmp_path / "line").read_text()
    assert "--project" not in (tmp_path / "line").read_text()


def test_without_ssh_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [BGCTL.parent / "python", "-c", SEARCHED_NOWHERE], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 3
    assert "ssh was not found" in done.stderr


SEARCHED_NOWHERE = """
import sys
from toolkit.engine import process
from toolkit import cli
process.which = lambda name: None
sys.exit(cli.run(["--host", "shop", "status"]))
"""
