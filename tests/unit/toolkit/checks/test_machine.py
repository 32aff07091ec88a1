"""What the machine has: room on its disks, the time, SELinux, and a /tmp that is large enough."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import World
from toolkit.checks import machine
from toolkit.checks.looks import Looks
from toolkit.checks.preflight import Preflight
from toolkit.engine.compose import Compose, ComposeService
from toolkit.errors import Failed, NotYet


@pytest.mark.threat(97)
@pytest.mark.parametrize(
    ("free", "kind"), [(2 << 30, None), ((1 << 30) - 1, NotYet), ((64 << 20) - 1, Failed)]
)
def test_97_little_room_is_told_before_it_is_none(free: int, kind: type | None) -> None:
    assert [type(each) for each in machine.little("images", Path("/var"), free)] == ([kind] if kind else [])


@pytest.mark.threat(97)
def test_97_a_file_system_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SCARCE", 1 << 62)
    assert len(list(machine.room({"a": tmp_path, "b": tmp_path, "c": tmp_path / "no"}))) == 1


@pytest.mark.threat(55)
@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("Thu, 15 Jan 2026 10:30:03 GMT", ""),
        ("Thu, 15 Jan 2026 10:31:00 GMT", "60 s ahead of ours"),
        ("Thu, 15 Jan 2026 10:29:00 GMT", "60 s behind ours"),
        ("", ""),
        ("noon", ""),
    ],
)
def test_55_a_clock_that_is_far_from_ours(date: str, said: str) -> None:
    now = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    found = [str(each) for each in machine.clock("the session API", date, now)]
    assert bool(found) == bool(said)
    assert all(said in each for each in found)


@pytest.mark.parametrize(
    ("tmpfs", "size"),
    [
        (["/tmp:mode=1777,size=512m"], 512 << 20),
        (["/run:size=1m", "/tmp:SIZE=2G"], 2 << 30),
        ("/tmp:size=65536", 65536),
        (["/tmp:mode=1777"], None),
        (["/tmp"], None),
        (None, None),
    ],
)
def test_the_size_of_a_tmpfs(tmpfs: list[str] | str | None, size: int | None) -> None:
    assert ComposeService(tmpfs=tmpfs).size_of("/tmp") == size


@pytest.mark.threat(94)
@pytest.mark.parametrize("form", ["text", "table"])
def test_94_selinux_wants_labels(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    enforce = tmp_path / "enforce"
    enforce.write_text("1")
    monkeypatch.setattr(machine, "ENFORCE", enforce)
    project, engine = project_of(world)
    plain, labelled = f"{world.root}/state", f"{world.root}/keys/pin"
    volumes: list[Any] = [f"{plain}:/state:ro", f"{labelled}:/keys/pin:ro,z", "data:/data"]
    if form == "table":
        volumes = [
            {"type": "bind", "source": plain, "target": "/state"},
            {"type": "bind", "source": labelled, "target": "/keys/pin", "bind": {"selinux": "z"}},
        ]
    found = Compose({"proxy": ComposeService("x:1", "host", volumes=volumes)})
    engine.compose = lambda env: found  # type: ignore[method-assign]
    looks = Looks()
    looks.take("compose file", Preflight(project, ("1", "1"), ["proxy"])._compose)
    told = [str(error) for _, error in looks.errors if "SELinux" in str(error)]
    assert [f"proxy mounts {plain} without a label" in each for each in told] == [True]
    enforce.write_text("0")
    assert not machine.enforces_selinux()
