"""Keeps bgctl alive when its output cannot be written: its reader has gone, or the disk behind it is full."""

import os
from contextlib import suppress
from typing import Any, TextIO


class SafeStream:
    """A stream that never raises OSError: a release goes on, and what it still says is lost.

    `stream` is None if bgctl was started with this stream closed.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.broken = False  # whether what is written is lost
        self._stream = stream or open(os.devnull, "w")  # noqa: PTH123, SIM115  (open until bgctl ends)

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
        """Sends everything to /dev/null from now on.

        What is buffered goes there, too: Python would fail at its exit if it could not write that.
        """
        self.broken = True
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
