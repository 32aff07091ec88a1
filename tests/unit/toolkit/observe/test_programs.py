"""Which programs a look at the whole project starts: the engine is asked once, the compose command seldom."""

import json
from pathlib import Path

import pytest

from tests.unit.toolkit.support.release_worlds import ReleaseWorld
from toolkit.drift import noting
from toolkit.observe import overview
from toolkit.project import Project
from toolkit.terminal.ui import UI

ENGINE = """#!/bin/sh
echo "$1" >> {root}/said
case "$1" in
    ps) echo blue green ;;
    inspect) cat {root}/containers.json ;;
    info) echo [] ;;
    *) exit 1 ;;
esac
"""
COMPOSE = """#!/bin/sh
echo compose >> {root}/said
cat {root}/printed.json
"""
CONTAINERS = ["ps", "inspect"]


class Programs:
    """An engine and a compose command that note when they are started. `blue` is told TOKEN."""

    def __init__(self, release: ReleaseWorld) -> None:
        self.root = release.root
        release.engine_says(ENGINE.format(root=self.root))
        compose = self.root / "bin" / "docker-compose"
        compose.write_text(COMPOSE.format(root=self.root))
        compose.chmod(0o755)
        self.token("one")
        self.project = Project(self.root, UI(), "test")
        noting.note(self.project, "frontend-blue", self.project.env_of("1.6.7"))

    def token(self, value: str) -> None:
        """In the env file, which the compose command reads."""
        (self.root / ".env").write_text(f"CURRENT_VERSION=1.6.7\nTOKEN={value}\n")
        service = {"image": "shop:1.6.7", "environment": {"TOKEN": value}}
        names = ("frontend-blue", "frontend-green", "proxy", "session-api")
        mounted = {"volumes": ["./proxy:/etc/bgctl"]}
        services = {name: {**service, **(mounted if name == "proxy" else {})} for name in names}
        Path(self.root, "printed.json").write_text(json.dumps({"services": services}))

    def look(self) -> tuple[list[str], list[str]]:
        """What a new `bgctl status` finds, and the programs that it has started."""
        said = self.root / "said"
        said.write_text("")
        view = overview.gather(Project(self.root, UI(), "test"))
        assert view.silent == {}
        return [name for each in view.differences or [] for name in each.settings], said.read_text().split()


@pytest.fixture
def programs(release: ReleaseWorld, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setenv("PATH", release.env["PATH"])
    return Programs(release)


def test_a_first_look_asks_the_compose_command_and_a_second_one_does_not(programs: Programs) -> None:
    found, started = programs.look()
    assert found == []
    assert started.count("compose") > 1, "whether there is a plugin, and what the files say"
    assert [each for each in started if each in CONTAINERS] == CONTAINERS
    assert programs.look() == ([], CONTAINERS)


def test_what_was_changed_is_told_with_each_look(programs: Programs) -> None:
    programs.look()
    programs.token("two")
    for _ in range(2):
        found, started = programs.look()
        assert found == ["TOKEN"]
        assert [each for each in started if each in CONTAINERS] == CONTAINERS
    programs.token("one")
    assert programs.look()[0] == []
    assert programs.look() == ([], CONTAINERS)
