"""The one way to print: rich on a terminal, plain lines otherwise, JSON on request."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

import msgspec

from toolkit.errors import BgctlError
from toolkit.terminal.humanize import took as in_words

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.terminal.progress import Show

WIDTH = 160  # of what nobody's terminal bounds
INDENT = " " * 5  # of a line that goes on: as wide as the mark of a step


class UI:
    """With `as_json`, standard output has one JSON document; what is for people goes to standard error."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._last = ("", 0.0)
        self._depth = 0

    def say(self, text: str, style: str = "") -> None:
        self._print(self._out, text, style)

    def say_now(self, text: str) -> None:
        """For what must be heard whatever comes of the rest."""
        self.say(text)

    def warn(self, text: str) -> None:
        self._print(self._error, f"warning: {text}", "magenta")

    def progress(self, text: str) -> None:
        """A line while something is being waited for: when it says something new, once a second at most."""
        now = time.monotonic()
        if text != self._last[0] and now >= self._last[1] + 1:
            self._last = (text, now)
            self.say(f"     ... {text}", "dim")

    @contextmanager
    def step(self, name: str, good: str = "ok") -> Iterator[Callable[[str], None]]:
        """Times a step and prints its line when it is over; yields a function that takes the line's text.

        Lines of steps within it are indented.
        """
        start, notes = time.monotonic(), [""]
        mark, style = "fail", "red"
        self._depth += 1
        try:
            yield notes.append
            mark, style = good, "green" if good == "ok" else "magenta"
        except KeyboardInterrupt:
            mark, style = "stop", "magenta"
            raise
        finally:
            self._depth -= 1
            self.line(mark, name, notes[-1], style, time.monotonic() - start)

    def line(
        self, mark: str, name: str, note: str = "", style: str = "", seconds: float | None = None
    ) -> None:
        took = f"  ({in_words(seconds)})" if seconds is not None else ""
        self.say(f"{'     ' * self._depth}{mark:>4} {name:<14} {note}{took}".rstrip(), style)

    @contextmanager
    def meter(self, of: str = "have left") -> Iterator["Show"]:
        """Yields what shows how far something has come, for as long as it takes; `of` follows the share."""
        from toolkit.terminal import progress as meter

        if not self._out.is_terminal or self._out.is_dumb_terminal:
            yield meter.Lines(self.say).show
            return
        from rich.live import Live

        with Live(console=self._out, auto_refresh=False, transient=True) as live:
            yield lambda share, text, more: live.update(meter.bar(share, text, more, of), refresh=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], turns: bool = False) -> None:
        """`turns`: for few rows, where there is no room, a row for each column (`toolkit.terminal.table`)."""
        from toolkit.terminal import table as layout

        cells = [["-" if cell is None else printable(str(cell)) for cell in row] for row in rows]
        for line in layout.lines(columns, cells, self._room(self._out), turns):
            self._out.print(line, soft_wrap=True)

    def emit(self, document: object) -> None:
        """The JSON document."""
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")

    def error(self, error: BgctlError) -> None:
        show = self._error.print
        self._print(self._error, f"bgctl: {error}", "red")
        if error.detail:
            self._print(self._error, error.detail, "dim")
        if error.next:
            show(f"next: {error.next}", markup=False, highlight=False, soft_wrap=True)

    def confirm(self, question: str) -> bool:
        """False without a terminal: there is nobody to ask."""
        if not self.can_ask:
            return False
        import click

        try:
            return click.confirm(question, err=True)
        except click.Abort:
            raise KeyboardInterrupt from None

    @property
    def can_ask(self) -> bool:
        return sys.stdin is not None and sys.stdin.isatty()

    @property
    def watched(self) -> bool:
        """Whether somebody sees what is said: cron mails it, and wants it short."""
        return sys.stdout.isatty()

    @staticmethod
    def _print(console: "Console", text: str, style: str) -> None:
        """On a terminal lines break between words: a terminal breaks them wherever they are full.

        A colour marks the first word, such as "ok" or "warning:", and the rest has the terminal's own, which
        can be read on a light background and on a dark one.
        """
        from rich.text import Text

        if (room := UI._room(console)) and len(text) > room:
            from toolkit.terminal import table as layout

            text = layout.wrapped(text, room, INDENT)
        said = Text(text, style if style == "dim" else "")
        if style != "dim" and (word := re.match(r"\s*\S+", text)):
            said.stylize(style, 0, word.end())
        console.print(said, soft_wrap=True)

    @staticmethod
    def _room(console: "Console") -> int | None:
        return console.width if console.is_terminal else None

    @cached_property
    def _out(self) -> "Console":
        return _console(sys.stderr if self.as_json else sys.stdout)

    @cached_property
    def _error(self) -> "Console":
        return _console(sys.stderr)


class HeldUI(UI):
    """Keeps what it is told until it is known whether anybody must hear it."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[tuple[Callable[[str, str], None], str, str]] = []

    def say(self, text: str, style: str = "") -> None:
        self._held.append((super().say, text, style))

    def say_now(self, text: str) -> None:
        super().say(text)

    def warn(self, text: str) -> None:
        self._held.append((lambda text, _: super(HeldUI, self).warn(text), text, ""))

    def progress(self, text: str) -> None:
        pass

    def release(self) -> None:
        for show, text, style in self._held:
            show(text, style)
        self._held = []


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a terminal that cannot show a letter must not end a release
    plain = not stream.isatty() or "NO_COLOR" in os.environ
    return Console(file=stream, no_color=plain, width=None if stream.isatty() else WIDTH)


def console() -> "Console":
    """Standard output, for what `UI` does not print: the dashboard."""
    return _console(sys.stdout)


def printable(text: str) -> str:
    """Without what could steer a terminal: names and addresses of users come from outside."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
