"""Other programs: their output, their failures in our words, and that none outlives its time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolkit.engine import process
from toolkit.errors import Failed


def gone(pid: int) -> bool:
    """Also when only its parent has not asked for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline, f"{pid} is still there"
        time.sleep(0.01)


def test_output() -> None:
    assert process.run(["sh", "-c", "echo out; echo err >&2"]) == "out\n"
    assert process.run(["sh", "-c", "echo out; echo err >&2"], both=True) == "out\nerr\n"


def test_output_that_is_not_text() -> None:
    assert process.run(["printf", r"\377"]) == "\ufffd"


def test_directory_and_environment(tmp_path: Path) -> None:
    assert (
        process.run(["sh", "-c", "pwd; echo $BGCTL_X"], env={"BGCTL_X": "y"}, cwd=tmp_path)
        == f"{tmp_path}\ny\n"
    )


def test_no_terminal() -> None:
    process.run(["sh", "-c", "! test -t 0 && ! test -t 1 && ! test -t 2"])


def test_a_failure_has_the_exit_code_and_the_last_lines_and_no_secrets() -> None:
    script = "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 125"
    with pytest.raises(Failed) as caught:
        process.run(["sh", "-c", script], env={"SECRET": "s3cret"})
    assert "exit code 125" in str(caught.value)
    assert caught.value.why == "line 3\nline 4\nline 5\nline 6\nline 7"
    assert "s3cret" not in str(caught.value)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(Failed, match="bgctl-no-such-thing was not found"):
        process.run(["bgctl-no-such-thing", "info"])


@pytest.mark.threat(39)
def test_39_a_hanging_program_and_its_children_are_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! > {pids}; echo $$ >> {pids}; wait"
    with pytest.raises(Failed, match=r"no answer within 0\.5 s"):
        process.run(["sh", "-c", script], timeout=0.5)
    for pid in map(int, pids.read_text().split()):
        wait_until_gone(pid)


SLEEPER = """
import sys
from toolkit.engine import process
process.run(["sh", "-c", f"echo $$ > {sys.argv[1]}; exec sleep 600"], timeout=900)
"""


@pytest.mark.threat(42, 46)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_42_46_what_we_started_does_not_outlive_us(tmp_path: Path, number: signal.Signals) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    parent = subprocess.Popen([sys.executable, "-c", SLEEPER, pipe], stderr=subprocess.DEVNULL)
    child = int(pipe.read_text())
    parent.send_signal(number)
    parent.wait(timeout=10)
    wait_until_gone(child)


@pytest.mark.threat(48)
def test_48_without_path_and_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    assert process.run(["sh", "-c", "echo $HOME"]).strip()
    assert str(Path(sys.executable).parent) in process.search_path()
