"""Standard output that may break: whoever read it has gone, or the disk behind it is full."""

import os
from contextlib import suppress
from typing import Any, TextIO


class Sink:
    """A stream whose trouble ends nothing: a release goes on, and what it still says goes nowhere."""

    def __init__(self, stream: TextIO | None) -> None:
        self.broken = False  # what is written goes nowhere
        self._stream = stream or open(os.devnull, "w")  # noqa: PTH123, SIM115  (None: closed by the caller)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._silence()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._silence()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _silence(self) -> None:
        """What is buffered goes to /dev/null as well, or Python would fail at its exit."""
        self.broken = True
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
