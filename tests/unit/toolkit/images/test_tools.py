"""mmdebstrap and pip: taken where they are, installed or made where that is possible, else asked for."""

import os
import sys
from pathlib import Path

import pytest

from toolkit.engine import process
from toolkit.errors import Refused
from toolkit.images import debian, pip, places
from toolkit.images.choice import choose
from toolkit.images.shell import Report, ignore, only_one

QUIET = Report(ignore)
OFFICIAL = ["docker.io/library/python:3.13-slim"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "root", lambda: tmp_path / "cache")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(process, "search_path", lambda: str(folder))
    return folder


def program(folder: Path, name: str, script: str = "exit 0") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_mmdebstrap_is_used_where_it_is(path: Path) -> None:
    program(path, "mmdebstrap")
    debian.require_mmdebstrap(OFFICIAL, QUIET)


def test_without_debian_the_operator_is_told_what_else_there_is(path: Path) -> None:
    with pytest.raises(Refused, match="the base images are not to be had") as caught:
        debian.require_mmdebstrap(OFFICIAL, QUIET)
    assert f"docker pull {OFFICIAL[0]}" in caught.value.next
    assert "BGCTL_PROXY_IMAGE" in caught.value.next


def test_without_root_the_operator_is_told_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "apt-get")
    monkeypatch.setattr(debian, "_is_debian", lambda: True)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(Refused) as caught:
        debian.require_mmdebstrap(OFFICIAL, QUIET)
    assert caught.value.next.startswith("sudo apt-get install mmdebstrap debian-archive-keyring")


def test_root_on_debian_has_it_installed_with_new_lists_where_they_are_old(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        f"case $* in update) touch {path}/new;; *) [ -e {path}/new ] || exit 100; touch {path}/done;; esac"
    )
    program(path, "apt-get", f"PATH={os.environ['PATH']}; {script}")
    program(path, "env", 'shift; exec "$@"')
    monkeypatch.setattr(debian, "_is_debian", lambda: True)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    told: list[str] = []
    with only_one(QUIET):
        debian.require_mmdebstrap(OFFICIAL, Report(told.append))
    assert (path / "done").exists()
    assert told == [
        "no registry gave the base images: installing mmdebstrap, which makes them of Debian packages"
    ]


def test_a_pip_of_our_own_python_comes_first() -> None:
    assert pip.command(QUIET) == [sys.executable, "-m", "pip"]


def test_the_machine_s_pip_is_used_where_ours_has_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "bare", "exit 1")
    program(path, "python3")
    monkeypatch.setattr(sys, "executable", str(path / "bare"))
    assert pip.command(QUIET) == ["python3", "-m", "pip"]


def test_without_any_pip_one_is_made(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    made = places.images() / "pip" / "bin"
    makes = (
        f"case $2 in venv) PATH={os.environ['PATH']}; mkdir -p {made}; cp $0 {made}/python;; *) exit 1;; esac"
    )
    program(path, "bare", makes)
    monkeypatch.setattr(sys, "executable", str(path / "bare"))
    with only_one(QUIET):
        assert pip.command(QUIET) == [str(made / "python"), "-m", "pip"]


def test_where_none_can_be_made_the_operator_is_told(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    program(path, "bare", "echo 'ensurepip is not available'; exit 1")
    monkeypatch.setattr(sys, "executable", str(path / "bare"))
    with only_one(QUIET), pytest.raises(Refused, match="there is no pip") as caught:
        pip.command(QUIET)
    assert "apt-get install python3-pip" in caught.value.next
    assert "ensurepip is not available" in caught.value.detail


@pytest.mark.parametrize(
    ("toml", "noted", "named", "chosen"),
    [
        ("", "", None, "docker"),
        ("", "", "podman", "podman"),
        ('engine = "podman"', "", None, "podman"),
        ("", "podman", None, "podman"),
        ('engine = "podman"', "", "docker", "docker"),
    ],
)
def test_which_engine_gets_the_images(
    toml: str, noted: str, named: str | None, chosen: str, tmp_path: Path, path: Path
) -> None:
    for name in ("docker", "podman"):
        program(path, name)
    if toml or noted:
        (tmp_path / "bgctl.toml").write_text(PROJECT.format(engine=toml))
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "engine").write_text(noted)
    assert choose(named, tmp_path) == chosen


def test_an_engine_that_is_silent_is_not_replaced_by_another(path: Path, tmp_path: Path) -> None:
    program(path, "docker")
    program(path, "podman", "exit 1")
    with pytest.raises(Refused, match="podman does not answer") as caught:
        choose("podman", tmp_path)
    assert caught.value.next == "install or start podman"


def test_without_an_engine_all_that_would_do_are_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="docker is not installed; podman is not installed") as caught:
        choose(None, tmp_path)
    assert caught.value.next == "install or start docker or podman"


PROJECT = """
[project]
name = "shop"
{engine}

[services.web]
routes = ["/"]
blue = "127.0.0.1:8081"
green = "127.0.0.1:8083"
health = "/health"

[services.session-api]
address = "127.0.0.1:8090"
health = "/readyz"
"""
