"""A runbook: in order, only what is needed, undone where it failed."""

import json

import pytest

from toolkit.errors import Failed
from toolkit.release.steps import Step, walk
from toolkit.terminal.ui import UI


class Runbook:
    """Notes what happens."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def step(self, name: str, needed: bool = True, fails: bool = False, undo_fails: bool = False) -> Step:
        def do() -> str:
            self.done.append(name)
            if fails:
                raise Failed(f"{name} did not work", "of course")
            return f"{name} is done"

        def undo() -> None:
            self.done.append(f"undo {name}")
            if undo_fails:
                raise Failed("even that")

        return Step(name=name, what=f"what {name} does", do=do, needed=lambda: needed, undo=undo)


@pytest.fixture
def book() -> Runbook:
    return Runbook()


def test_steps_run_in_order_and_only_where_needed(book: Runbook, capsys: pytest.CaptureFixture[str]) -> None:
    walk([book.step("one"), book.step("two", needed=False), book.step("three")], UI())
    assert book.done == ["one", "three"]
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said] == [["ok", "one"], ["-", "two"], ["ok", "three"]]
    assert "one is done" in said[0]


def test_a_failure_undoes_its_own_step_and_ends_the_walk(book: Runbook) -> None:
    with pytest.raises(Failed, match="two did not work"):
        walk([book.step("one"), book.step("two", fails=True), book.step("three")], UI())
    assert book.done == ["one", "two", "undo two"]


def test_the_first_failure_is_the_one_reported(book: Runbook, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Failed, match="one did not work"):
        walk([book.step("one", fails=True, undo_fails=True)], UI())
    assert "one could not be undone: even that" in capsys.readouterr().err


def test_a_dry_run_does_nothing(book: Runbook, capsys: pytest.CaptureFixture[str]) -> None:
    walk([book.step("one"), book.step("two", needed=False)], UI(), dry_run=True)
    assert book.done == []
    assert "plan one" in capsys.readouterr().out


def test_a_dry_run_as_json(book: Runbook, capsys: pytest.CaptureFixture[str]) -> None:
    walk([book.step("one"), book.step("two", needed=False)], UI(as_json=True), dry_run=True)
    plan = json.loads(capsys.readouterr().out)
    assert plan["dryRun"] is True
    assert [(step["step"], step["needed"]) for step in plan["steps"]] == [("one", True), ("two", False)]
