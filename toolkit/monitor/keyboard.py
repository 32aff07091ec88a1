"""Reads keys, one at a time and without Enter. A signal or another thread can end the wait for one."""

import os
import re
import select
import signal
import socket
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

CLOSED = ""  # what is read from a terminal that has been closed: no key will ever be pressed
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# An escape sequence. What an arrow key sends has letters, too.
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)


class Keyboard:
    """The keys of a terminal. `ending` becomes true with the first of the signals in ENDINGS."""

    def __init__(self, terminal: int) -> None:
        self.ending = False
        self._terminal = terminal
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    def read(self, within: float) -> str | None:
        """What was pressed, in small letters, with a dot for a key that sends an escape sequence.

        None when `within` seconds are over, or `wake` was called.
        """
        ready, _, _ = select.select([self._terminal, self._wake_in.fileno()], [], [], max(0.0, within))
        if self._wake_in.fileno() in ready:
            with suppress(BlockingIOError):
                self._wake_in.recv(4096)
        if self._terminal not in ready:
            return None
        try:
            pressed = os.read(self._terminal, 64).decode("ascii", "replace")
        except OSError:
            return CLOSED
        return _SEQUENCE.sub(".", pressed).lower()

    def wake(self) -> None:
        """Makes `read` return; may be called from a thread or a signal handler."""
        with suppress(OSError):  # full: `read` will return anyhow; closed: nothing reads any more
            self._wake_out.send(b".")

    def end(self) -> None:
        self.ending = True
        self.wake()

    def close(self) -> None:
        self._wake_in.close()
        self._wake_out.close()


@contextmanager
def keyboard(terminal: int) -> Iterator[Keyboard]:
    """Yields the terminal's keys. Afterwards the terminal is as it was, also after an exception."""
    keys = Keyboard(terminal)
    try:
        with _signals(keys), _letter_by_letter(terminal):
            yield keys
    finally:
        keys.close()


@contextmanager
def _signals(keys: Keyboard) -> Iterator[None]:
    """Makes signals end the loop.

    If they raised instead, the exception could come while the terminal is being restored.
    """
    wanted: dict[signal.Signals, Callable[[], None]] = {**dict.fromkeys(ENDINGS, keys.end)}
    wanted[signal.SIGWINCH] = keys.wake
    ignored = {number for number in wanted if signal.getsignal(number) is signal.SIG_IGN}  # by nohup, say
    before = {number: _handle(number, act) for number, act in wanted.items() if number not in ignored}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(
    number: signal.Signals, act: Callable[[], None]
) -> Callable[[int, FrameType | None], object] | int:
    """Calls `act` at the signal; returns the handler that was there before."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        act()

    return signal.signal(number, handler) or signal.SIG_DFL


@contextmanager
def _letter_by_letter(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        _without_stops(terminal)
        yield
    finally:
        with suppress(termios.error):  # The terminal has been closed.
            termios.tcsetattr(terminal, termios.TCSANOW, before)


def _without_stops(terminal: int) -> None:
    """Ctrl-Z would leave the shell on the monitor's screen; Ctrl-S would keep q from being read."""
    mode = termios.tcgetattr(terminal)
    mode[0] &= ~termios.IXON
    mode[6][termios.VSUSP] = b"\x00"
    termios.tcsetattr(terminal, termios.TCSANOW, mode)
