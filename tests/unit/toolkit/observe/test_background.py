"""Questions that are answered, that fail, and that hang."""

import threading
import time
from collections.abc import Iterator

import pytest

from toolkit.errors import Failed
from toolkit.observe.background import Answer, Question


class Heard:
    """Waits until it is told that an answer has come."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> None:
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(10)
        self._event.clear()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Keeps an answer back until it is set; the fixture sets it in the end."""
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_keeps_the_one_before() -> None:
    heard, values = Heard(), iter([1, 2])
    question = Question(lambda: next(values), 10)
    for _ in range(2):
        question.ask(heard)
        heard.wait()
    assert question.answer == Answer(2, None, 1)
    assert not question.unanswered


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Failed("no answer", "connection refused"), "connection refused"),
        (Failed("no answer"), "no answer"),
        (ZeroDivisionError("oops"), "ZeroDivisionError: oops"),
    ],
)
def test_a_failure_is_an_answer_too(error: Exception, fault: str) -> None:
    def fail() -> int:
        raise error

    heard, question = Heard(), Question(fail, 10)
    question.ask(heard)
    heard.wait()
    assert question.answer == Answer(None, fault)


def test_a_value_from_before_a_failure_is_kept_as_the_one_before() -> None:
    values = iter([7])
    heard, question = Heard(), Question(lambda: next(values), 10)
    for _ in range(3):
        question.ask(heard)
        heard.wait()
    assert (question.answer.value, question.answer.before) == (None, 7)
    assert "StopIteration" in (question.answer.fault or "")


@pytest.mark.threat(39)
def test_39_one_that_hangs_is_not_asked_again_and_is_said_to_be_silent(gate: threading.Event) -> None:
    calls: list[float] = []

    def hang() -> int:
        calls.append(time.monotonic())
        gate.wait(10)
        return 3

    heard, question = Heard(), Question(hang, 0)
    question.ask(heard)
    question.ask(heard)
    assert (question.unanswered, question.waiting) == (True, False)
    assert (question.answer.fault or "").startswith("no answer for ")
    gate.set()
    heard.wait()
    assert (question.answer.value, len(calls)) == (3, 1)


def test_within_its_limit_the_last_answer_stands(gate: threading.Event) -> None:
    gate.set()

    def value() -> int:
        gate.wait(10)
        return 5

    heard, question = Heard(), Question(value, 10)
    question.ask(heard)
    heard.wait()
    gate.clear()
    question.ask(heard)
    assert (question.waiting, question.answer) == (True, Answer(5))
