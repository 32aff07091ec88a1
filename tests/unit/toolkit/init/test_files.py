"""What init writes: shown as a diff without secrets, and written all or not at all."""

import subprocess
from pathlib import Path

import pytest

from toolkit.errors import Failed
from toolkit.files import atomic
from toolkit.init import files
from toolkit.init.files import Change


def contents(root: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in root.iterdir()}


@pytest.fixture
def changes(tmp_path: Path) -> list[Change]:
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / ".env").chmod(0o640)
    return [
        Change.appended(tmp_path / ".env", ["VERSION=1"], secret=True),
        Change.appended(tmp_path / ".dockerignore", ["keys"]),
        Change.of(tmp_path / "bgctl.toml", "[project]\n"),
    ]


def test_all_are_written_and_nothing_else(tmp_path: Path, changes: list[Change]) -> None:
    files.write(changes)
    assert contents(tmp_path) == {
        ".env": "A=1\nVERSION=1\n",
        ".dockerignore": "keys\n",
        "bgctl.toml": "[project]\n",
    }
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "bgctl.toml").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("what", ["write", "rename"])
def test_an_interruption_leaves_every_file_as_it_was(
    tmp_path: Path,
    changes: list[Change],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    error: type[BaseException] | OSError,
    at: int,
) -> None:
    before, count = contents(tmp_path), iter(range(100))
    real_write, real_replace = atomic.write, Path.replace

    def interrupted() -> None:
        if next(count) == at:
            raise error

    def write(*words: object, **named: object) -> None:
        interrupted()
        real_write(*words, **named)  # type: ignore[arg-type]

    def replace(self: Path, target: Path) -> Path:
        if self.name.endswith(".init"):
            interrupted()
        return real_replace(self, target)

    if what == "write":
        monkeypatch.setattr(atomic, "write", write)
    else:
        monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else Failed):
        files.write(changes)
    assert contents(tmp_path) == before


def test_what_was_interrupted_by_kill_is_done_again(tmp_path: Path, changes: list[Change]) -> None:
    (tmp_path / ".bgctl.toml.init").write_text("half of")
    files.write(changes)
    assert set(contents(tmp_path)) == {".env", ".dockerignore", "bgctl.toml"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"K=1\n"),
        (b"A=1\n", b"A=1\nK=1\n"),
        (b"A=1", b"A=1\nK=1\n"),
        (b"A=1\r\n", b"A=1\r\nK=1\r\n"),
        (b"A=1\r\nB=2", b"A=1\r\nB=2\r\nK=1\r\n"),
        (b"\xff\n", b"\xff\nK=1\n"),
    ],
)
def test_lines_at_the_end_of_a_file_end_as_its_own_do(tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / "f").write_bytes(before)
    assert Change.appended(tmp_path / "f", ["K=1"]).after == after


def test_a_secret_file_shows_only_what_is_added(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nPASSWORD=secret")
    diff = Change.appended(tmp_path / ".env", ["K=1"], secret=True).diff(tmp_path)
    assert diff == "--- a/.env\n+++ b/.env\n@@ -2,0 +3,1 @@\n+K=1\n"


def test_the_diffs_make_the_files(tmp_path: Path, changes: list[Change]) -> None:
    """As patch reads them."""
    text = "".join(change.diff(tmp_path) for change in changes)
    subprocess.run(["patch", "-p1"], input=text, text=True, cwd=tmp_path, check=True, stdout=-3)
    patched = contents(tmp_path)
    files.write(changes)
    assert contents(tmp_path) == patched
