"""A look that found no difference is not taken again, until something has changed of what it was made of."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.clock import Clock
from toolkit.drift import unchanged
from toolkit.files import looked_file, started_file
from toolkit.project import Project
from toolkit.terminal.ui import UI

BEGIN = datetime(2026, 1, 15, 14, 20, tzinfo=UTC)


class Looks:
    """Looks at two files, and counts how often that was not spared. `finds` is what is found there."""

    def __init__(self, world: World) -> None:
        world.put("rest", READY, NONE)
        self.moment = BEGIN
        self.project = Project(world.root, UI(), "test", clock=Clock(now=lambda: self.moment))
        self.files: list[Path] | None = [world.root / "compose.yaml", world.root / "web.env"]
        self.facts: object = ("blue", 1)
        self.finds: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.taken = 0
        self.file(0, "DEBUG: ${DEBUG}")
        started_file.make_key(self.project.keys_dir)

    def file(self, number: int, text: str) -> None:
        assert self.files
        self.files[number].write_text(text)

    def look(self) -> list[str]:
        return unchanged.look(self.project, self.facts, lambda: self.files, self._find)

    def _find(self) -> list[str]:
        self.taken += 1
        self.meanwhile()
        return self.finds


@pytest.fixture
def looks(world: World) -> Looks:
    return Looks(world)


def test_what_found_nothing_is_not_done_again(looks: Looks) -> None:
    for _ in range(3):
        assert looks.look() == []
    assert looks.taken == 1


CHANGES: dict[str, Callable[[Looks, pytest.MonkeyPatch], object]] = {
    "a file": lambda looks, _: looks.file(0, "DEBUG: on"),
    "a file that comes": lambda looks, _: looks.file(1, ""),
    "a fact": lambda looks, _: setattr(looks, "facts", ("blue", 2)),
    "a variable that a file names": lambda _, patch: patch.setenv("DEBUG", "1"),
    "a variable of the compose command": lambda _, patch: patch.setenv("COMPOSE_PROFILES", "all"),
    "where ~ is": lambda _, patch: patch.setenv("HOME", "/elsewhere"),
    "the key": lambda looks, _: (looks.project.keys_dir / started_file.KEY).write_bytes(b"another"),
    "an hour": lambda looks, _: setattr(looks, "moment", BEGIN + timedelta(hours=1)),
    "a clock set back": lambda looks, _: setattr(looks, "moment", BEGIN - timedelta(seconds=1)),
    "damage": lambda looks, _: (looks.project.state_dir / looked_file.NAME).write_bytes(b"{"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_any_change_is_looked_at(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, change: Callable[[Looks, pytest.MonkeyPatch], object]
) -> None:
    monkeypatch.delenv("DEBUG", raising=False)
    looks.look()
    change(looks, monkeypatch)
    looks.finds = ["a difference"]
    assert looks.look() == ["a difference"]


def test_a_variable_that_no_file_names_does_not_count(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    looks.look()
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    monkeypatch.setenv("_", "/usr/bin/bgctl")
    looks.look()
    assert looks.taken == 1


def test_a_difference_is_told_each_time_and_what_was_there_before_is_forgotten(looks: Looks) -> None:
    looks.look()
    looks.file(0, "another")
    looks.finds = ["a difference"]
    assert [looks.look(), looks.look()] == [["a difference"]] * 2


def test_a_file_that_is_written_during_the_look_is_looked_at_again(looks: Looks) -> None:
    looks.meanwhile = lambda: looks.file(0, "written")
    looks.look()
    looks.look()
    assert looks.taken == 2


def test_without_all_files_or_a_key_nothing_is_remembered(looks: Looks) -> None:
    files, looks.files = looks.files, None
    looks.look()
    looks.files = files
    (looks.project.keys_dir / started_file.KEY).unlink()
    looks.look()
    assert not (looks.project.state_dir / looked_file.NAME).exists()
    assert looks.taken == 2


def test_what_is_noted_is_for_the_operator_alone_and_has_no_value_in_it(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", "hunter2")
    looks.file(1, "PASSWORD=hunter3")
    looks.look()
    noted = looks.project.state_dir / looked_file.NAME
    assert "hunter" not in noted.read_text()
    assert noted.stat().st_mode & 0o777 == 0o600
    assert str(looks.project.root / "web.env") in noted.read_text()


def test_a_folder_in_which_nothing_can_be_written_prevents_no_look(looks: Looks) -> None:
    noted = looks.project.state_dir / looked_file.NAME
    noted.mkdir()  # so that not even root can put the file there
    (noted / "full").touch()
    assert [looks.look(), looks.look()] == [[], []]
    assert looks.taken == 2
    assert [each.name for each in noted.iterdir()] == ["full"]
