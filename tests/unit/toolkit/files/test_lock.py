"""One bgctl at a time, with real processes (threat 44)."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from toolkit.errors import Failed, Locked
from toolkit.files import lock

pytestmark = pytest.mark.whole

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from toolkit.files import lock
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


@pytest.mark.threat(44)
def test_44_the_second_is_told_who_the_first_is(directory: Path, start: Holder) -> None:
    first = start()
    assert first_line(first) == "held"
    with pytest.raises(Locked) as caught:
        try_it(directory)
    assert caught.value.code == 4
    assert "'bgctl promote'" in str(caught.value)
    assert f"pid {first.pid}" in str(caught.value)
    assert "since 20" in str(caught.value)


@pytest.mark.threat(44)
def test_44_the_lock_dies_with_its_owner(directory: Path, start: Holder) -> None:
    first = start()
    assert first_line(first) == "held"
    first.kill()
    first.wait()
    try_it(directory)


@pytest.mark.threat(44)
def test_44_deleting_files_admits_nobody(directory: Path, start: Holder) -> None:
    assert first_line(start()) == "held"
    for path in directory.iterdir():
        path.unlink()
    with pytest.raises(Locked, match="pid unknown"):
        try_it(directory)


@pytest.mark.threat(44)
@pytest.mark.parametrize("content", ["", "{", '{"pid": "x"}'])
def test_44_a_spoiled_holder_file_admits_nobody(directory: Path, start: Holder, content: str) -> None:
    assert first_line(start()) == "held"
    (directory / "holder.json").write_text(content)
    with pytest.raises(Locked):
        try_it(directory)


@pytest.mark.threat(44)
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


TAKE = """
import fcntl, os, sys
os.setgroups([]), os.setgid(65534), os.setuid(65534)
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), getattr(fcntl, sys.argv[2]))
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A state directory that every user of the machine may read, as containers have to."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        directory = Path(root) / "state"
        directory.mkdir()
        directory.chmod(0o755)
        yield directory


def as_stranger(path: Path, kind: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", TAKE, str(path), kind]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, text=True, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.threat(84)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
@pytest.mark.parametrize("kind", ["LOCK_EX", "LOCK_SH"])
def test_84_another_user_cannot_hold_it(open_directory: Path, kind: str) -> None:
    """Whatever they may open, they may lock: so that must not be the lock."""
    try_it(open_directory)
    strangers = [as_stranger(open_directory, kind), as_stranger(open_directory / "holder.json", kind)]
    try:
        assert [first_line(each) for each in strangers] == ["taken", "taken"]
        try_it(open_directory)
        (open_directory / "lock").unlink()
        try_it(open_directory)
    finally:
        for each in strangers:
            each.communicate()


@pytest.mark.threat(84)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
def test_84_the_lock_file_is_closed_to_others_whatever_the_umask(open_directory: Path) -> None:
    os.chown(open_directory, 1234, 5678)
    before = os.umask(0)
    try:
        try_it(open_directory)
    finally:
        os.umask(before)
    found = (open_directory / "lock").stat()
    assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o660, 1234, 5678)
    stranger = as_stranger(open_directory / "lock", "LOCK_EX")
    assert (
        stranger.communicate()[1]
        .rstrip()
        .endswith("PermissionError: [Errno 13] Permission denied: " + repr(str(open_directory / "lock")))
    )


@pytest.mark.threat(84)
def test_84_a_lock_file_that_is_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    directory.mkdir()
    (directory / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failed, match="cannot be locked"):
        try_it(directory)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.threat(44)
def test_44_of_many_that_find_the_lock_deleted_none_gets_in(directory: Path, start: Holder) -> None:
    """The second one makes the file anew; the third must not take that for free."""
    assert first_line(start()) == "held"
    (directory / "lock").unlink()
    for _ in range(3):
        with pytest.raises(Locked, match="bgctl promote"):
            try_it(directory)
    assert first_line(start()).startswith("another bgctl is at work here")


@pytest.mark.threat(44)
def test_44_a_lock_file_that_is_moved_aside_admits_nobody(directory: Path, start: Holder) -> None:
    assert first_line(start()) == "held"
    (directory / "lock").rename(directory / "aside")
    with pytest.raises(Locked):
        try_it(directory)


@pytest.mark.threat(84)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
def test_84_a_stranger_that_has_become_root_is_still_one(open_directory: Path) -> None:
    """As by a program that asks for root's password, with the directory as its standard input."""
    try_it(open_directory)
    code = TAKE.replace('print("taken"', 'os.seteuid(0), print("taken"').replace(
        "os.setuid(65534)", "os.seteuid(65534)"
    )
    names = (open_directory, open_directory / "holder.json")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    strangers = [
        subprocess.Popen([sys.executable, "-c", code, str(name), "LOCK_EX"], text=True, **pipes)  # type: ignore[call-overload]
        for name in names
    ]
    try:
        assert [first_line(each) for each in strangers] == ["taken", "taken"]
        (open_directory / "lock").unlink()
        try_it(open_directory)
    finally:
        for each in strangers:
            each.communicate()


def test_a_holder_file_that_cannot_be_written_keeps_nobody_from_work(directory: Path) -> None:
    (directory / "holder.json").mkdir(parents=True)
    try_it(directory)


def test_who_was_killed_is_told_to_the_next_alone(directory: Path, start: Holder) -> None:
    first = start()
    assert first_line(first) == "held"
    first.kill()
    first.wait()
    with lock.held(directory, "up", NOW) as before:
        assert before
        assert (before.command, before.pid) == ("promote", first.pid)
    with lock.held(directory, "up", NOW) as before:
        assert before is None


def test_who_ended_with_an_error_has_ended(directory: Path) -> None:
    with pytest.raises(RuntimeError), lock.held(directory, "up", NOW):
        raise RuntimeError
    with lock.held(directory, "up", NOW) as before:
        assert before is None


def test_a_holder_of_an_older_bgctl_is_not_taken_for_killed(directory: Path) -> None:
    directory.mkdir()
    old = {"pid": 1, "user": "ada", "host": "web1", "command": "up", "since": "2026-01-15T10:30:00Z"}
    (directory / "holder.json").write_text(json.dumps(old))
    with lock.held(directory, "up", NOW) as before:
        assert before is None


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
