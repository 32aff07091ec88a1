"""Stacks that a test has left as it found them: the next test gets one of them instead of a new one.

To start a stack takes as much of a processor as most of the tests that use it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.support.stacks import OLD, Stack, eventually, started

FILES = ("bgctl.toml", ".env", "compose.yaml")


class Shelf:
    """`folder()` is a new folder for a stack. At the end `clear()` removes what is left."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._there: list[Loan] = []

    @contextmanager
    def lend(self) -> Iterator[Stack]:
        """A stack at rest on OLD, with nobody in it; at the end its error log is checked."""
        loan = self._there.pop() if self._there else Loan(started(self._folder()))
        stack = loan.stack
        try:
            yield stack
            stack.assert_clean_log()
            if loan.is_as_before():
                self._there.append(loan)
        finally:
            if loan not in self._there:
                stack.remove()

    def clear(self) -> None:
        for loan in self._there:
            loan.stack.remove()


class Loan:
    """A stack, and what it was like when nobody had used it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._containers = set(stack.containers())
        self._files = self._read()

    def is_as_before(self) -> bool:
        """Whether it is at rest on the same version again, in the same containers, and nobody is counted.

        One whose log had errors is not, even where its test expected them: they might go on.
        """
        stack = self.stack
        if stack.expected or stack.state()["slots"]["blue"]["version"] != OLD:
            return False
        stack.log_all_out()
        if stack.bgctl("rollback", code=None).returncode:
            return False
        if self._read() != self._files or set(stack.containers()) != self._containers:
            return False
        if any(stack.client.containers.get(one).status != "running" for one in self._containers):
            return False
        return self._is_empty()

    def _is_empty(self) -> bool:
        asked = time.time()
        delivered = lambda: self.stack.proxy_status()["activity"]["lastDelivery"] > asked  # noqa: E731
        eventually(delivered, "the proxy has told the session API who was there")
        census = self.stack.census()
        people = [count[kind] for count in census["versions"].values() for kind in ("sessions", "anonymous")]
        return not census["unknown"] and not any(people)

    def _read(self) -> list[str]:
        """Lines of the project's files, without green's version: each release says which one it brings."""
        texts = [(self.stack.directory / name).read_text() for name in FILES]
        return [line for text in texts for line in text.splitlines() if not line.startswith("VERSION=")]
