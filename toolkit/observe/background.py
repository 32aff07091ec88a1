"""Questions to whoever may be silent, asked side by side: one that hangs holds nobody up."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from toolkit.errors import BgctlError

T = TypeVar("T", covariant=True)


class Answer(Struct, Generic[T], frozen=True):
    """A value; or None and why there is none. `before` is the value that was had before this answer."""

    value: T | None = None
    fault: str | None = None
    before: T | None = None


class Asked(Generic[T]):
    """One question, put in a thread of its own, and not again while it is still being answered."""

    def __init__(self, question: Callable[[], T], limit: float) -> None:
        self._question, self._limit = question, limit
        self._since: float | None = None
        self._answer: Answer[T] = Answer(fault="no answer yet")

    def ask(self, tell: Callable[[], None]) -> None:
        """Calls `tell`, in that thread, when there is an answer."""
        if self._since is None:
            self._since = time.monotonic()
            threading.Thread(target=self._run, args=(tell,), daemon=True).start()

    @property
    def answer(self) -> Answer[T]:
        """The last one, or that the next one takes too long."""
        since, last = self._since, self._answer
        if since is None or (waited := time.monotonic() - since) < self._limit:
            return last
        return Answer(fault=f"no answer for {waited:.0f} s", before=_latest(last))

    @property
    def owed(self) -> bool:
        return self._since is not None

    @property
    def waiting(self) -> bool:
        """Whether an answer may still come in time."""
        since = self._since
        return since is not None and time.monotonic() - since < self._limit

    def _run(self, tell: Callable[[], None]) -> None:
        before = _latest(self._answer)
        try:
            self._answer = Answer(self._question(), before=before)
        except BgctlError as error:
            self._answer = Answer(fault=error.why or error.what, before=before)
        except Exception as error:  # a bug in one question must not take the other answers along
            self._answer = Answer(fault=f"{type(error).__name__}: {error}", before=before)
        self._since = None
        tell()


def _latest(answer: Answer[T]) -> T | None:
    return answer.before if answer.value is None else answer.value
