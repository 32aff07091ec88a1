"""One bgctl at a time, with real processes (threat 44)."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from toolkit import lock
from toolkit.errors import Failed, Locked

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from toolkit import lock
from toolkit.errors import Locked
try:
    with lock.held(Path(sys.argv[1]), "promote", datetime.now(UTC)):
        print("held", flush=True)
        sys.stdin.read()
except Locked as error:
    print(error, flush=True)
    sys.exit(error.code)
"""
Holder = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def start(directory: Path) -> Iterator[Holder]:
    running: list[subprocess.Popen[str]] = []

    def holder() -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", HOLD, str(directory)]
        running.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield holder
    for process in running:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def try_it(directory: Path) -> None:
    with lock.held(directory, "up", NOW):
        pass


def test_44_the_second_is_told_who_the_first_is(directory: Path, start: Holder) -> None:
    first = start()
    assert first_line(first) == "held"
    with pytest.raises(Locked) as caught:
        try_it(directory)
    assert caught.value.code == 4
    assert "'bgctl promote'" in str(caught.value)
    assert f"pid {first.pid}" in str(caught.value)
    assert "since 20" in str(caught.value)


def test_44_the_lock_dies_with_its_owner(directory: Path, start: Holder) -> None:
    first = start()
    assert first_line(first) == "held"
    first.kill()
    first.wait()
    try_it(directory)


def test_44_deleting_files_admits_nobody(directory: Path, start: Holder) -> None:
    assert first_line(start()) == "held"
    for path in directory.iterdir():
        path.unlink()
    with pytest.raises(Locked, match="pid unknown"):
        try_it(directory)


@pytest.mark.parametrize("content", ["", "{", '{"pid": "x"}'])
def test_44_a_spoiled_holder_file_admits_nobody(directory: Path, start: Holder, content: str) -> None:
    assert first_line(start()) == "held"
    (directory / "holder.json").write_text(content)
    with pytest.raises(Locked):
        try_it(directory)


def test_44_of_many_at_once_one_gets_in(directory: Path, start: Holder) -> None:
    many = [start() for _ in range(6)]
    said = [first_line(process) for process in many]
    assert said.count("held") == 1
    winner = many[said.index("held")]
    assert all(f"pid {winner.pid}" in line for line in said if line != "held"), said


def test_the_lock_is_free_again_after_an_error(directory: Path) -> None:
    with pytest.raises(RuntimeError), lock.held(directory, "up", NOW):
        raise RuntimeError
    try_it(directory)
    assert json.loads((directory / "holder.json").read_text())["since"] == "2026-01-15T10:30:00Z"


def test_a_project_that_cannot_be_locked(directory: Path) -> None:
    directory.write_text("a file")
    with pytest.raises(Failed, match="cannot be locked"):
        try_it(directory)
    directory.unlink()
    shutil.rmtree(directory.parent)
    with pytest.raises(Failed, match="cannot be locked"):
        try_it(directory)


def test_who_is_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lock.whoami()
    monkeypatch.setenv("SUDO_USER", "ada")
    assert lock.whoami() == "ada"


def test_who_waits_gets_it_when_the_other_has_ended(start: Holder, directory: Path) -> None:
    """For the hook of whatever renews certificates: nobody would call it again."""
    first = start()
    assert first.stdout
    assert first.stdout.readline() == "held\n"
    with pytest.raises(Locked), lock.held(directory, "reload", NOW, wait=0.3):
        pass
    first.kill()
    with lock.held(directory, "reload", NOW, wait=60):
        assert json.loads((directory / "holder.json").read_text())["command"] == "reload"
