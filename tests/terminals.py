"""A command on a terminal of its own: keys, sizes, and what the terminal is like afterwards."""

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

WITHIN = 20.0


class Terminal:
    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], columns: int = 100, rows: int = 30
    ) -> None:
        self._master, self._slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self._slave)
        self.output = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.process = subprocess.Popen(
            argv,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**env, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def interrupt(self) -> None:
        """Ctrl-C to a question, as a person presses it: once the process waits for an answer.

        CPython looks for signals before it calls read(2): one that comes between the two has no effect until
        the next key.
        """
        deadline = time.monotonic() + WITHIN
        while Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < deadline, "it waits for nothing"
            self._read()
        self.press("\x03")

    def until(self, *said: str) -> str:
        """Reads on until all of `said` has come, and returns what came meanwhile."""
        start, deadline = len(self.output), time.monotonic() + WITHIN
        while any(each not in self.output[start:] for each in said):
            assert time.monotonic() < deadline, f"{said!r} is not in {self.output[start:]!r}"
            self._read()
        return self.output[start:]

    def ended(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + WITHIN
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still there: {self.output[-400:]!r}"
            self._read()
        while self._read():
            pass
        return self.process.returncode

    @property
    def as_before(self) -> bool:
        return termios.tcgetattr(self._slave) == self.before

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 0.05)
        if ready:
            self.output += self._decoder.decode(os.read(self._master, 65536))
        return bool(ready)
