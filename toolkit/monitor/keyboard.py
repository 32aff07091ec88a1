"""Keys, one at a time and without Enter; a signal or a thread can wake whoever waits for one."""

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

GONE = ""  # nobody will press a key any more: the terminal has been closed
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)  # an arrow key sends letters too
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Keyboard:
    """`ending` becomes true with the first signal that means it."""

    def __init__(self, terminal: int) -> None:
        self.ending = False
        self._terminal = terminal
        self._bell, self._hand = socket.socketpair()
        self._bell.setblocking(False)
        self._hand.setblocking(False)

    def keys(self, within: float) -> str | None:
        """What was pressed, in small letters; a dot for a key that sends more than one.

        None when `within` seconds are over, or somebody called `wake`.
        """
        ready, _, _ = select.select([self._terminal, self._bell.fileno()], [], [], max(0.0, within))
        if self._bell.fileno() in ready:
            with suppress(BlockingIOError):
                self._bell.recv(4096)
        if self._terminal not in ready:
            return None
        try:
            pressed = os.read(self._terminal, 64).decode("ascii", "replace")
        except OSError:
            return GONE
        return _SEQUENCE.sub(".", pressed).lower()

    def wake(self) -> None:
        with suppress(OSError):  # full: it will wake anyhow; closed: nobody waits
            self._hand.send(b".")

    def end(self) -> None:
        self.ending = True
        self.wake()

    def close(self) -> None:
        self._bell.close()
        self._hand.close()


@contextmanager
def keyboard(terminal: int) -> Iterator[Keyboard]:
    """The terminal is as it was afterwards, whatever happens in between."""
    keys = Keyboard(terminal)
    try:
        with _signals(keys), _by_letters(terminal):
            yield keys
    finally:
        keys.close()


@contextmanager
def _signals(keys: Keyboard) -> Iterator[None]:
    """They end the loop instead of raising: an exception could come while the terminal is being restored."""
    wanted: dict[signal.Signals, Callable[[], None]] = {**dict.fromkeys(ENDINGS, keys.end)}
    wanted[signal.SIGWINCH] = keys.wake
    kept = {number for number in wanted if signal.getsignal(number) is signal.SIG_IGN}  # nohup
    before = {number: _handle(number, act) for number, act in wanted.items() if number not in kept}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(
    number: signal.Signals, act: Callable[[], None]
) -> Callable[[int, FrameType | None], object] | int:
    def handler(_number: int, _frame: FrameType | None) -> None:
        act()

    return signal.signal(number, handler) or signal.SIG_DFL


@contextmanager
def _by_letters(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        _without_stops(terminal)
        yield
    finally:
        with suppress(termios.error):  # it has been closed
            termios.tcsetattr(terminal, termios.TCSANOW, before)


def _without_stops(terminal: int) -> None:
    """Ctrl-Z would leave the shell on our screen; Ctrl-S would keep us from leaving it."""
    mode = termios.tcgetattr(terminal)
    mode[0] &= ~termios.IXON
    mode[6][termios.VSUSP] = b"\x00"
    termios.tcsetattr(terminal, termios.TCSANOW, mode)
