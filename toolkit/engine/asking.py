"""Asks an engine what there is, and remembers the answers for as long as nobody changes anything."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from toolkit.engine import process


class Asking:
    _known: dict[tuple[str, ...], str] | None = None  # by command line; None: nothing is remembered

    @contextmanager
    def still(self) -> Iterator[None]:
        """For checks, which only look: the same question is put to the engine once.

        Nothing that starts, stops or waits may stand in it, for it would not see what has changed.
        """
        before, self._known = self._known, self._known or {}
        try:
            yield
        finally:
            self._known = before

    def _ask(self, argv: Sequence[str], timeout: float) -> str:
        """What the engine says. Raises Failed, which is not remembered."""
        if self._known is None:
            return process.run(argv, timeout=timeout)
        if tuple(argv) not in self._known:
            self._known[tuple(argv)] = process.run(argv, timeout=timeout)
        return self._known[tuple(argv)]
