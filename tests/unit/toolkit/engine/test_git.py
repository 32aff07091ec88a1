"""What git says of a folder, asked of a real one."""

import os
import subprocess
from pathlib import Path

import pytest

from toolkit.engine import git
from toolkit.errors import Failed


def run(folder: Path, *words: str) -> None:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    run(tmp_path, "init", "--initial-branch=main")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text("1\n")
    run(tmp_path, "add", ".")
    run(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_a_commit_without_a_tag_is_its_own_name(code: Path) -> None:
    found = git.describe(code)
    assert found is not None
    assert len(found) >= 7
    assert git.changed(code) == []


def test_a_tag_and_what_came_after_it(code: Path) -> None:
    run(code, "tag", "v1.2.3")
    assert git.describe(code / "app") == "v1.2.3"
    (code / "app" / "app.py").write_text("2\n")
    (code / "new file.py").touch()
    assert git.changed(code / "app") == ["app/app.py"]
    run(code, "commit", "-am", "second")
    assert (git.describe(code) or "").startswith("v1.2.3-1-g")
    assert (git.place(code), git.place(code / "app")) == ("", "app/")


def test_a_renamed_file_counts_once(code: Path) -> None:
    run(code, "mv", "app/app.py", "app/shop.py")
    assert git.changed(code) == ["app/shop.py"]


def test_no_repository_is_no_error(tmp_path: Path) -> None:
    assert git.describe(tmp_path) is None


def test_a_repository_without_a_commit_is_told_in_gits_words(tmp_path: Path) -> None:
    run(tmp_path, "init")
    with pytest.raises(Failed, match="git describe failed"):
        git.describe(tmp_path)
