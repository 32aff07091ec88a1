"""SIGTERM ends the agent at once, whatever it waits for; only a file that it is writing is finished."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Ending:
    """Belongs to the main thread, which is the one that Python's signal handlers run in."""

    def __init__(self) -> None:
        self._writing = False
        self._asked = False

    def install(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    @contextmanager
    def waits(self) -> Iterator[None]:
        """Puts the end off until the block is left."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False
        if self._asked:
            raise SystemExit(0)

    def _handle(self, *_: object) -> None:
        self._asked = True
        if not self._writing:
            raise SystemExit(0)
