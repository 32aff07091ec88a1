"""Asks questions in threads of their own, so that one whose answer does not come keeps no other waiting."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from toolkit.errors import BgctlError

T = TypeVar("T", covariant=True)


class Answer(Struct, Generic[T], frozen=True):
    """A value; or None, and `fault` says why there is none. `before` is the last value before this answer."""

    value: T | None = None
    fault: str | None = None
    before: T | None = None


class Question(Generic[T]):
    """A question, and its last answer. It is not put again while it is still being answered.

    `put` asks, and returns the value or raises. `limit` is the number of seconds after which the answer is
    that there is none.
    """

    def __init__(self, put: Callable[[], T], limit: float) -> None:
        self._put, self._limit = put, limit
        self._since: float | None = None  # when it was put, by the monotonic clock; None: it is answered
        self._answer: Answer[T] = Answer(fault="no answer yet")

    def ask(self, tell: Callable[[], None]) -> None:
        """Puts the question in a thread, which calls `tell` when it has the answer."""
        if self._since is None:
            self._since = time.monotonic()
            threading.Thread(target=self._run, args=(tell,), daemon=True).start()

    @property
    def answer(self) -> Answer[T]:
        """The last answer; or, when the next one is over its limit, that there is none."""
        since, last = self._since, self._answer
        if since is None or (waited := time.monotonic() - since) < self._limit:
            return last
        return Answer(fault=f"no answer for {waited:.0f} s", before=_latest(last))

    @property
    def unanswered(self) -> bool:
        """Whether an answer has yet to come, in time or not."""
        return self._since is not None

    @property
    def waiting(self) -> bool:
        """Whether an answer may still come in time."""
        since = self._since
        return since is not None and time.monotonic() - since < self._limit

    def _run(self, tell: Callable[[], None]) -> None:
        before = _latest(self._answer)
        try:
            self._answer = Answer(self._put(), before=before)
        except BgctlError as error:
            self._answer = Answer(fault=error.why or error.what, before=before)
        except Exception as error:  # A bug in one question must not take the other answers along.
            self._answer = Answer(fault=f"{type(error).__name__}: {error}", before=before)
        self._since = None
        tell()


def _latest(answer: Answer[T]) -> T | None:
    return answer.before if answer.value is None else answer.value
