"""The dashboard on a terminal: drawn anew when there is something new, until somebody leaves it."""

import os
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.control import Control
from rich.screen import Screen

from toolkit.monitor.dashboard import draw
from toolkit.monitor.keyboard import GONE, Keyboard, keyboard
from toolkit.monitor.snapshot import USERS, picture
from toolkit.monitor.text import ink_for
from toolkit.observe.sources import Sources
from toolkit.terminal.ui import console

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.project import Project


CALM = 0.1  # seconds between two drawings: answers come in bunches
FIRST = 0.7  # seconds for everybody's first answer, before anything is drawn
TICK = 1.0  # seconds between two drawings while somebody is silent


def run(project: "Project", interval: float) -> None:
    """Until q, Ctrl-C or a signal. Standard input and output are the terminal."""
    out = console()
    with keyboard(sys.stdin.fileno()) as keys, out.screen(hide_cursor=True):
        Monitor(project, interval, out, keys).run()


class Monitor:
    def __init__(self, project: "Project", interval: float, out: "Console", keys: Keyboard) -> None:
        self._project, self._interval = project, interval
        self._out, self._keys = out, keys
        self._sources = Sources(project, USERS)
        self._next = 0.0
        self._first = time.monotonic() + FIRST

    def run(self) -> None:
        while not self._keys.ending:
            if time.monotonic() >= self._next:
                self._look()
            if time.monotonic() >= self._first or not self._sources.waiting:
                self._draw()
            pressed = self._keys.keys(self._pause())
            if pressed is None:
                time.sleep(CALM)
            elif pressed == GONE or "q" in pressed:
                return
            elif "r" in pressed:
                self._next = 0.0

    def _look(self) -> None:
        self._next = time.monotonic() + self._interval
        self._sources.ask(self._keys.wake)

    def _pause(self) -> float:
        left = self._next - time.monotonic()
        return min(left, TICK) if self._sources.owed else left

    def _draw(self) -> None:
        width, height = size()
        self._out.size = (width, height)
        seen = picture(self._project, self._sources.found, self._project.now())
        lines = draw(seen, width, height, ink_for(self._out.encoding), self._interval)
        with self._out:  # gathers what follows into one write
            self._out.control(Control.home())
            self._out.print(Screen(Group(*lines)), end="")


def size() -> tuple[int, int]:
    """Columns and lines; asked each time, for COLUMNS would not follow a resize."""
    try:
        found = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    return found.columns or 80, found.lines or 24
