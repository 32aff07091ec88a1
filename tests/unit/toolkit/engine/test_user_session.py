"""Rootless podman from cron (threat 96): it is told its runtime folder, and that this ends with a log-in."""

import os
from pathlib import Path

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import World
from toolkit.checks.looks import Looks
from toolkit.checks.preflight import Preflight
from toolkit.engine import user_session


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("FOLDERS", "SYSTEMD", "LINGERING"):
        monkeypatch.setattr(user_session, name, tmp_path / name.lower())
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")  # so that it is put back whatever the code sets
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    return tmp_path


@pytest.mark.threat(96)
def test_96_what_cron_does_not_name_is_named(folders: Path) -> None:
    user_session.find(1000)
    assert "XDG_RUNTIME_DIR" not in os.environ
    (folders / "folders" / "1000").mkdir(parents=True)
    user_session.find(0)
    assert "XDG_RUNTIME_DIR" not in os.environ
    user_session.find(1000)
    assert os.environ["XDG_RUNTIME_DIR"] == str(folders / "folders" / "1000")


@pytest.mark.threat(96)
def test_96_what_is_named_stays(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folders / "folders" / "1000").mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/mine")
    user_session.find(1000)
    assert os.environ["XDG_RUNTIME_DIR"] == "/run/mine"


@pytest.mark.threat(96)
@pytest.mark.parametrize(
    ("systemd", "lingers", "told"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_96_containers_that_end_with_a_log_in(
    world: World, folders: Path, monkeypatch: pytest.MonkeyPatch, systemd: bool, lingers: bool, told: bool
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    if systemd:
        (folders / "systemd").mkdir()
    if lingers:
        (folders / "lingering").mkdir()
        (folders / "lingering" / "ada").touch()
    project, engine = project_of(world)
    for rootless in (True, False):
        engine.rootless = rootless
        looks = Looks()
        looks.take("machine", Preflight(project, ("1", "1"), [])._machine)
        found = [error for _, error in looks.errors if "log" in str(error)]
        assert [error.next for error in found] == ["loginctl enable-linger ada"] * (told and rootless)
