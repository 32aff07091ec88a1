"""The monitor on a terminal: drawn anew when there is something new, until a key or a signal ends it."""

import os
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.control import Control
from rich.screen import Screen

from toolkit.monitor import glyphs, snapshot
from toolkit.monitor.keyboard import CLOSED, Keyboard, keyboard
from toolkit.monitor.screen import draw
from toolkit.observe.sources import Sources
from toolkit.terminal.ui import console

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.project import Project


CALM = 0.1  # seconds between two drawings, because answers come in bunches
FIRST = 0.7  # seconds that all sources get for their first answer, before anything is drawn
TICK = 1.0  # seconds between two drawings while an answer is missing: the screen says for how long


def run(project: "Project", interval: float) -> None:
    """Runs until q, Ctrl-C or a signal. Standard input and output must be the terminal."""
    out = console()
    with keyboard(sys.stdin.fileno()) as keys, out.screen(hide_cursor=True):
        Monitor(project, interval, out, keys).run()


class Monitor:
    """Asks the sources every `interval` seconds, or at the key r, and draws what they say."""

    def __init__(self, project: "Project", interval: float, out: "Console", keys: Keyboard) -> None:
        self._project, self._interval = project, interval
        self._out, self._keys = out, keys
        self._sources = Sources(project, snapshot.USERS)
        self._next_look = 0.0
        self._first_drawing = time.monotonic() + FIRST

    def run(self) -> None:
        while not self._keys.ending:
            if time.monotonic() >= self._next_look:
                self._look()
            if time.monotonic() >= self._first_drawing or not self._sources.waiting:
                self._draw()
            pressed = self._keys.read(self._pause())
            if pressed is None:
                time.sleep(CALM)
            elif pressed == CLOSED or "q" in pressed:
                return
            elif "r" in pressed:
                self._next_look = 0.0

    def _look(self) -> None:
        self._next_look = time.monotonic() + self._interval
        self._sources.ask(self._keys.wake)

    def _pause(self) -> float:
        """Seconds for which a key is waited for."""
        left = self._next_look - time.monotonic()
        return min(left, TICK) if self._sources.unanswered else left

    def _draw(self) -> None:
        width, height = size()
        self._out.size = (width, height)
        seen = snapshot.take(self._project, self._sources.found, self._project.now())
        lines = draw(seen, width, height, glyphs.for_encoding(self._out.encoding), self._interval)
        with self._out:  # gathers what follows into one write
            self._out.control(Control.home())
            self._out.print(Screen(Group(*lines)), end="")


def size() -> tuple[int, int]:
    """The terminal's columns and lines. rich would take them from COLUMNS, which follows no resize."""
    try:
        found = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    return found.columns or 80, found.lines or 24
