"""What is kept of a slot's container that goes: its last lines, its version; and nothing stops a release."""

import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.toolkit.support.engines import Listening, project_of
from tests.unit.toolkit.support.worlds import DRAIN, GREEN, World
from toolkit.engine import log_tail
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.errors import Failed
from toolkit.files import atomic, kept_logs
from toolkit.slots import keeping


def container(image: str, service: str = "frontend-blue") -> Container:
    return Container("c1", Status("exited"), Settings(image, {SERVICE: service}))


@pytest.mark.parametrize(
    ("image", "service", "version"),
    [
        ("shop/web:1.6.7", "frontend-blue", "1.6.7"),
        ("localhost/shop/web:v1.6.8-slim", "frontend-blue", "1.6.8"),
        ("shop/web:1.5.0", "frontend-blue", "1.5.0"),
        ("shop/web", "frontend-blue", "1.6.7"),
        ("shop/web:latest", "frontend-green-2", "1.6.8"),
    ],
)
def test_the_version_is_that_of_the_image_or_of_the_state(
    world: World, image: str, service: str, version: str
) -> None:
    world.put("draining", DRAIN, GREEN)
    project, _ = project_of(world)
    assert keeping.version_of(project, container(image, service)) == version


def test_before_there_is_a_state_nothing_says_it(world: World) -> None:
    project, _ = project_of(world)
    assert keeping.version_of(project, container("shop/web")) == keeping.UNKNOWN


@pytest.fixture
def saying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "read", lambda *_: b"2026-01-15T10:30:00Z hello\n")


@pytest.mark.usefixtures("saying")
def test_the_last_lines_are_kept(world: World) -> None:
    world.put("draining", DRAIN, GREEN)
    project, _ = project_of(world)
    keeping.keep(project, container("x:1.6.7"))
    (found,) = kept_logs.known(project.state_dir)
    assert (found.version, found.service) == ("1.6.7", "frontend-blue")
    assert found.lines() == ["2026-01-15T10:30:00Z hello"]


@pytest.mark.usefixtures("saying")
def test_none_are_where_bgctl_toml_says_so(world: World) -> None:
    world.put("draining", DRAIN, GREEN)
    project, _ = project_of(world)
    project.config = replace(project.config, project=replace(project.config.project, kept_logs=0))
    keeping.keep(project, container("x:1.6.7"))
    assert kept_logs.known(project.state_dir) == []


@pytest.mark.usefixtures("saying")
def test_a_full_disk_is_a_warning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("draining", DRAIN, GREEN)

    def full(path: Path, *_: Any, **__: Any) -> None:
        raise Failed(f"{path} could not be written", "the disk is full")

    monkeypatch.setattr(atomic, "write", full)
    ui = Listening()
    project, _ = project_of(world, ui)
    keeping.keep(project, container("x:1.6.7"))
    assert len(ui.warned) == 1
    assert "the log of frontend-blue is not kept" in ui.warned[0]
    assert "the disk is full" in ui.warned[0]


def say(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_tail_is_bounded_and_begins_with_a_whole_line() -> None:
    said = log_tail.read(say("for n in range(100000): print('line', n)"), 1000, 20)
    assert len(said) <= 1000
    assert said.startswith(b"line ")
    assert said.endswith(b"line 99999\n")


def test_a_line_without_an_end_takes_no_memory() -> None:
    assert log_tail.read(say("print('x' * 10_000_000, end='')"), 1000, 20) == b""


def test_both_outputs_count() -> None:
    both = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    assert log_tail.read(say(both), 1000, 20) == b"out\nerr\n"


def test_an_engine_that_hangs_is_given_up_and_what_it_said_counts() -> None:
    hang = "import time; print('first', flush=True); time.sleep(60)"
    assert log_tail.read(say(hang), 1000, 1) == b"first\n"


def test_a_log_that_is_elsewhere_is_told() -> None:
    with pytest.raises(Failed, match="no reading here"):
        log_tail.read(["sh", "-c", "echo no reading here >&2; exit 1"], 1000, 20)
    with pytest.raises(Failed, match="cannot be started"):
        log_tail.read(["nobody-has-this"], 1000, 20)
