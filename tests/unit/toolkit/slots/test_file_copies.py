"""What is copied out of a slot's container: a folder, and never what a link leads to on this host."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.errors import Failed
from toolkit.project import Project
from toolkit.slots import file_copies


def serving(world: World, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]) -> Project:
    """A project whose slots have a folder of files; `make` is what the engine copies out of them."""
    text = (world.root / "bgctl.toml").read_text()
    line = '[services.frontend]\nstatic = {"/static/" = "slot:/app/static"}\n'
    (world.root / "bgctl.toml").write_text(text.replace("[services.frontend]\n", line, 1))
    world.put("rest", READY, NONE)
    project, engine = project_of(world)
    monkeypatch.setattr(engine, "look", lambda name: engine.containers()[name], raising=False)
    monkeypatch.setattr(engine, "copy", lambda container, source, target: make(target), raising=False)
    return project


def test_all_may_read_the_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(target: Path) -> None:
        target.mkdir(mode=0o700)
        (target / "app größe.css").write_text("x")
        (target / "app größe.css").chmod(0o600)

    project = serving(world, monkeypatch, folder)
    file_copies.take(project, "blue", "1.6.7")
    (found,) = world.root.rglob("app größe.css")
    assert found.stat().st_mode & 0o777 == 0o644
    assert found.parent.stat().st_mode & 0o777 == 0o755


def test_a_link_is_no_folder_and_what_it_leads_to_here_stays_closed(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    private = tmp_path_factory.mktemp("private")
    (private / "key").write_text("secret")
    (private / "key").chmod(0o600)
    private.chmod(0o700)
    project = serving(world, monkeypatch, lambda target: target.symlink_to(private))
    with pytest.raises(Failed) as failed:
        file_copies.take(project, "blue", "1.6.7")
    assert f"a link to {private}" in failed.value.why
    assert (private.stat().st_mode & 0o777, (private / "key").stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_file_is_no_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project = serving(world, monkeypatch, lambda target: target.write_text("x"))
    with pytest.raises(Failed) as failed:
        file_copies.take(project, "blue", "1.6.7")
    assert "it is a file" in failed.value.why


@pytest.mark.threat(38)
def test_38_a_full_disk_is_named_and_no_part_of_the_copy_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is there: to edit bgctl.toml would not help."""

    def half(target: Path) -> None:
        target.mkdir()
        (target / "a.js").write_text("x")
        raise Failed("docker cp failed", "write a.js: no space left on device", "bgctl doctor")

    project = serving(world, monkeypatch, half)
    with pytest.raises(Failed) as failed:
        file_copies.take(project, "blue", "1.6.7")
    assert "the disk is full" in failed.value.why
    assert "df -h" in failed.value.next
    assert not list(world.root.rglob("a.js"))
