"""What the engine says of a project's containers, and whom they run as."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.toolkit.support.containers import container
from toolkit.engine.commands import Commands
from toolkit.engine.container import Container
from toolkit.engine.container_user import container_user
from toolkit.engine.engine import Engine

ROOT = Path(__file__).parents[4]
DOCKER = Commands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env")


@pytest.mark.parametrize(
    ("rootless", "uid", "gid", "expected"),
    [
        (False, 0, 0, "10001:10001"),
        (False, 1000, 100, "1000:100"),
        (True, 1000, 100, "0:0"),
        (True, 0, 0, "0:0"),
    ],
)
def test_who_the_containers_run_as(rootless: bool, uid: int, gid: int, expected: str) -> None:
    assert container_user(rootless, uid, gid) == expected


NOTING = """#!/bin/sh
echo "$*" >> {said}
case "$*" in *absent*) exit 1 ;; esac
echo "sha256:1 {{}}"
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many programs have been started of an engine that notes each."""
    said, program = tmp_path / "said", tmp_path / "docker"
    said.touch()
    program.write_text(NOTING.format(said=said))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return lambda: len(said.read_text().splitlines())


def test_checks_put_each_question_once(asked: Callable[[], int]) -> None:
    engine = Engine(DOCKER, ROOT)
    with engine.still():
        assert engine.has_image("x:1") and engine.has_image("x:1") and not engine.image_volumes("x:1")
        assert asked() == 1
        with engine.still():
            assert engine.has_image("x:1")
        assert not engine.has_image("absent:1") and not engine.has_image("absent:1")
        assert asked() == 3, "what was not there may have come"
    assert engine.has_image("x:1")
    assert asked() == 4, "after the checks nothing is known of old"


class Answers(Engine):
    """What is there is given; nothing is run."""

    def __init__(self, *containers: Container) -> None:
        super().__init__(DOCKER, ROOT)
        self.given = list(containers)

    def all(self) -> list[Container]:
        return self.given


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "its container is gone"),
        ([container("exited", False)], "its container exited with code 137"),
        ([container("running", True)], None),
        ([container("restarting", False)], None),
        ([container("created", False)], None),
    ],
)
def test_when_a_container_is_past_hope(found: list[Container], reason: str | None) -> None:
    assert Answers(*found).dead("frontend-green") == reason
