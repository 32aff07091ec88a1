"""`bgctl deploy` without a version: what git says, and said aloud."""

import os
from pathlib import Path

import pytest

from tests.unit.toolkit.engine.test_git import run as git
from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import CANDIDATE, NONE, READY, World
from toolkit.engine import git as git_words
from toolkit.errors import Refused
from toolkit.release import next_version


@pytest.fixture
def resting(world: World) -> World:
    world.put("rest", READY, NONE)
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
    return world


def commit(root: Path, *tags: str) -> None:
    git(root, "init", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "-m", "first")
    for tag in tags:
        git(root, "tag", tag)


def test_git_says_it(resting: World, capsys: pytest.CaptureFixture[str]) -> None:
    commit(resting.root, "v1.6.8")
    project, _ = project_of(resting)
    assert next_version.find(project) == "v1.6.8"
    assert capsys.readouterr().out == "version v1.6.8, from git describe\n"


def test_changes_that_are_not_committed_are_named(resting: World) -> None:
    commit(resting.root, "1.6.8")
    (resting.root / "compose.yaml").write_text("services: {}\n")
    project, _ = project_of(resting)
    with pytest.raises(
        Refused, match=r"1\.6\.8 with changes that are not committed: compose\.yaml"
    ) as caught:
        next_version.find(project)
    assert caught.value.next == "git commit, or, to release it as it is: bgctl deploy VERSION"


def test_what_bgctl_writes_into_the_env_file_is_no_change(resting: World) -> None:
    commit(resting.root, "1.6.8")
    (resting.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.8\n")
    project, _ = project_of(resting)
    assert next_version.find(project) == "1.6.8"


@pytest.mark.parametrize("tag", ["release/1.6.8", "1.6.8+build"])
def test_what_can_be_no_tag_of_an_image_is_refused(resting: World, tag: str) -> None:
    commit(resting.root, tag)
    project, _ = project_of(resting)
    with pytest.raises(Refused, match="from git describe, can be no version") as caught:
        next_version.find(project)
    assert caught.value.next == "bgctl deploy VERSION"


def test_a_release_that_is_under_way_goes_on(resting: World, capsys: pytest.CaptureFixture[str]) -> None:
    commit(resting.root, "1.6.9")
    resting.put("candidate", READY, CANDIDATE)
    project, _ = project_of(resting)
    assert next_version.find(project) == "1.6.8"
    assert "1.6.8, which is under way" in capsys.readouterr().out


def test_without_a_repository_it_is_the_env_files(resting: World) -> None:
    project, _ = project_of(resting)
    with pytest.raises(Refused, match=r"in no git repository, and \.env names no new VERSION") as caught:
        next_version.find(project)
    assert caught.value.next == "bgctl deploy VERSION"
    (resting.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.8\n")
    assert next_version.find(project) == "1.6.8"


def test_without_git_it_is_said(resting: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = project_of(resting)
    monkeypatch.setattr(git_words, "is_installed", lambda: False)
    with pytest.raises(Refused, match="git is not installed"):
        next_version.find(project)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository to somebody else")
def test_a_repository_of_somebody_else_is_told_in_gits_words(
    resting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(resting.root, "1.6.8")
    for path in [resting.root, resting.root / ".git"]:
        os.chown(path, 12345, 12345)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    project, _ = project_of(resting)
    with pytest.raises(Refused, match="dubious ownership") as caught:
        next_version.find(project)
    assert caught.value.next.startswith("git config --global --add safe.directory")
