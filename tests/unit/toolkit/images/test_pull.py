"""A silent registry costs seconds, not minutes."""

from pathlib import Path

import pytest

from toolkit.images import places, pull
from toolkit.images.shell import Report, ignore

QUIET = Report(ignore)


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "log", lambda: tmp_path / "log")
    return tmp_path / "log"


def test_a_silent_registry_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "ANSWER_TIMEOUT", 0.05)
    assert not pull.pull(["sleep", "600"], QUIET)


def test_a_refusal_is_a_no_and_is_logged(log: Path) -> None:
    assert not pull.pull(["sh", "-c", "echo no such host >&2; exit 1"], QUIET)
    assert log.read_text() == "no such host\n"


@pytest.mark.parametrize(
    "line", ["3.13-slim: Pulling from library/python", "Getting image source signatures"]
)
def test_an_answer_is_recognised(line: str) -> None:
    assert pull.line_shows_answer(line)


def test_asking_is_no_answer() -> None:
    assert not pull.line_shows_answer("Trying to pull registry.test/library/python:3.13-slim...")


def test_a_pull_that_succeeds_is_a_yes() -> None:
    assert pull.pull(["sh", "-c", "echo 3.13-slim: Pulling from library/python"], QUIET)
