"""Files that must survive a full or broken disk: state.json and the history (threats 38, 41, 42, 43)."""

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.support import broken_disk
from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import CANDIDATE, READY, World
from toolkit import cli
from toolkit.errors import Failed, Refused
from toolkit.files import atomic, env_file, history, state_file
from toolkit.release import route
from toolkit.state import document, transitions

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
FIRST = transitions.adopt("1.6.7", NOW)
SECOND = transitions.candidate(FIRST, "1.6.8", NOW)

WRITE_WITH_LIMIT = """
import resource, sys
from pathlib import Path
from toolkit.files import atomic
from toolkit.errors import Failed
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    atomic.write(Path(sys.argv[1]), b"x" * 4096)
except Failed as error:
    sys.exit(error.code)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small file system here")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_state_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state_file.write(path, FIRST)
    state_file.write(path, SECOND)
    assert state_file.read(path) == SECOND
    assert sorted(each.name for each in tmp_path.iterdir()) == ["state.json", "state.json.last"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_no_state_is_refused_with_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        state_file.read(tmp_path / "state.json")
    assert caught.value.next == "bgctl up"


@pytest.mark.threat(41)
@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"\xff", b'{"schema":3}', document.encode(FIRST)[:-20]]
)
def test_41_a_broken_state_is_an_error_and_not_a_guess(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(Failed, match="cannot be used"):
        state_file.read(path)


def test_a_state_that_proxies_would_refuse_is_never_written(tmp_path: Path) -> None:
    nobody = replace(FIRST, slots=document.Slots(document.maint("1.6.7"), document.maint(None)))
    with pytest.raises(AssertionError):
        state_file.write(tmp_path / "state.json", nobody)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.threat(38, 43)
def test_38_43_a_full_disk_leaves_the_old_state(small_disk: Path) -> None:
    path = small_disk / "state.json"
    state_file.write(path, FIRST)
    fill(small_disk)
    with pytest.raises(Failed, match="No space left"):
        state_file.write(path, SECOND)
    assert state_file.read(path) == FIRST
    assert sorted(each.name for each in small_disk.iterdir()) == ["filler", "state.json", "state.json.last"]
    (small_disk / "filler").unlink()
    state_file.write(path, SECOND)
    assert state_file.read(path) == SECOND


@pytest.mark.threat(97)
def test_97_an_env_file_on_a_full_disk_stays_as_it_is(small_disk: Path) -> None:
    path = small_disk / ".env"
    path.write_text("VERSION=1.6.8\n")
    fill(small_disk)
    with pytest.raises(
        Failed, match=f"the disk is full: No space left on device below {small_disk}"
    ) as caught:
        env_file.set_value(path, "VERSION", "1.6.9")
    assert "docker system df, then: docker image prune" in caught.value.next
    assert path.read_text() == "VERSION=1.6.8\n"


@pytest.mark.threat(97)
def test_97_a_full_disk_is_no_bug_wherever_it_is_met(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", str(small_disk / "proxy"))
    assert cli._fail(error, debug=False) == 1
    said = capsys.readouterr().err
    assert f"{small_disk}/proxy could not be written: the disk is full" in said
    assert "next: free some space" in said


@pytest.mark.threat(43)
def test_43_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", WRITE_WITH_LIMIT, path], capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.threat(42)
def test_42_what_a_killed_run_left_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    (tmp_path / ".state.json.tmp").write_text("half a sta")
    atomic.write(path, b"whole")
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="could not be written"):
        atomic.write(tmp_path / "gone" / "file", b"x")


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which no folder can be synced."""
    broken_disk.refuse_folders(monkeypatch)


@pytest.mark.threat(43)
@pytest.mark.usefixtures("unsynced")
def test_43_what_is_in_force_is_not_called_unwritten(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with pytest.raises(atomic.NotSynced, match="is written, but its folder could not be synced") as caught:
        state_file.write(path, FIRST)
    assert "it holds now" in str(caught.value)
    assert state_file.read(path) == FIRST
    assert state_file.read(tmp_path / "state.json.last") == FIRST


@pytest.mark.threat(43)
@pytest.mark.usefixtures("unsynced")
def test_43_a_switch_goes_on_where_a_folder_cannot_be_synced(world: World, capsys) -> None:
    world.put("candidate", READY, CANDIDATE)
    project, _ = project_of(world)
    assert route.run(project, "enable-green").phase == "draining"
    out, err = capsys.readouterr()
    assert "every worker after" in out
    assert err.count("state.json is written, but its folder could not be synced") == 1
    assert [(each["what"], each["outcome"]) for each in world.history] == [("route enable-green", "done")]


def test_a_killed_command_gets_its_line_from_the_next(world: World) -> None:
    world.put("candidate", READY, CANDIDATE)
    killed = {
        "pid": 4711,
        "user": "ada",
        "host": "web1",
        "command": "promote",
        "since": "2026-01-15T10:30:00Z",
    }
    (world.root / "state" / "holder.json").write_text(json.dumps({**killed, "ended": None}))
    route.run(project_of(world)[0], "enable-green")
    route.run(project_of(world)[0], "enable-green")
    first, *rest = world.history
    assert (first["at"], first["who"], first["what"], first["outcome"]) == (
        *("2026-01-15T10:30:00Z", "ada", "promote", "interrupted"),
    )
    assert "without a word (pid 4711)" in first["why"]
    assert [each["what"] for each in rest] == ["route enable-green"] * 2


def entry(what: str) -> history.Entry:
    return history.Entry("2026-01-15T10:30:00Z", "ada", "up", what, "1.6.7", "1.6.8", 3, 0.5, "done", "")


def test_history_appends(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for what in ("one", "two"):
        history.append(path, entry(what))
    assert [each.what for each in history.read(path)] == ["one", "two"]
    assert b'"from":"1.6.7","to":"1.6.8"' in path.read_bytes()


def test_no_history_is_empty(tmp_path: Path) -> None:
    assert history.read(tmp_path / "history.jsonl") == []


@pytest.mark.threat(42)
def test_42_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history.append(path, entry("one"))
    with path.open("ab") as file:
        file.write(b'{"at":"2026-01')
    history.append(path, entry("three"))
    assert [each.what for each in history.read(path)] == ["one", "three"]


@pytest.mark.threat(38)
def test_38_a_history_on_a_full_disk_fails(small_disk: Path) -> None:
    path = small_disk / "history.jsonl"
    path.touch()
    fill(small_disk)
    with pytest.raises(Failed, match="No space left"):
        history.append(path, entry("x" * 5000))
