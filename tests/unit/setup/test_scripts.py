"""The shell scripts: what they say and return, without an engine."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("code", [0, 3])
def test_a_stage_returns_the_code_of_its_command(code: int) -> None:
    ran = run("setup/stage", "try", "sh", "-c", f"exit {code}")
    assert ran.returncode == code
    assert ran.stdout.startswith("stage: try ")
    assert ("FAILED (exit 3)" in ran.stdout) == (code == 3)


@pytest.fixture
def ordinary_user(tmp_path: Path) -> str:
    """A search path on which `id` says that we are not root."""
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_packages_are_asked_for_where_they_cannot_be_installed(ordinary_user: str) -> None:
    ran = run("setup/packages", "podman", "runc", PATH=ordinary_user)
    assert ran.returncode == 1
    assert "please install: podman runc" in ran.stderr


def test_a_missing_engine_is_asked_for_where_it_cannot_be_started(ordinary_user: str) -> None:
    ran = run("setup/engine", "docker", PATH=ordinary_user, DOCKER_HOST="unix:///nonexistent.sock")
    assert ran.returncode == 1
    assert "please start docker, or install docker" in ran.stderr


@pytest.mark.parametrize("arguments", [[], ["lxc"], ["podman", "--stop"]])
def test_the_engine_script_says_how_it_is_used(arguments: list[str]) -> None:
    ran = run("setup/engine", *arguments)
    assert ran.returncode == 1
    assert "usage: setup/engine docker|podman" in ran.stderr


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    listed = run("make", "help").stdout
    assert [target for target in targets if f"make {target} " not in listed] == []
