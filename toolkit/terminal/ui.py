"""Prints for people and programs: with rich on a terminal, plain lines elsewhere, JSON on request."""

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
from toolkit.terminal import humanize
from toolkit.terminal.plain import Plain
from toolkit.terminal.taken import Taken

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.terminal.progress import Show

WIDTH = 160  # columns, off a terminal
INDENT = " " * 5  # before the second line of a text: as wide as the mark of a step


class UI:
    """What a command prints with.

    With `as_json` standard output gets one JSON document, and lines for people go to standard error.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.taken: list[Taken] = []  # the steps that are over
        self._last = ("", 0.0)
        self._depth = 0

    def say(self, text: str, style: str = "") -> None:
        self._print(self._out, text, style)

    def say_now(self, text: str) -> None:
        """Says what must be heard at once, even where the other lines are kept back (`BufferedUI`)."""
        self.say(text)

    def warn(self, text: str) -> None:
        self._print(self._error, f"warning: {text}", "magenta")

    def progress(self, text: str) -> None:
        """Says a line while something is being waited for: only a new one, and one a second at most."""
        now = time.monotonic()
        if text != self._last[0] and now >= self._last[1] + 1:
            self._last = (text, now)
            self.say(f"     ... {text}", "dim")

    @contextmanager
    def step(self, name: str, good: str = "ok") -> Iterator[Callable[[str], None]]:
        """Times a step, and prints its line when it is over; yields a function that takes the line's note.

        `good` is the mark of a step that raised nothing. Lines of steps within this one are indented.
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
            seconds = time.monotonic() - start
            self.taken.append(Taken(name, round(seconds, 3), mark))
            self.line(mark, name, notes[-1], style, seconds)

    def line(
        self, mark: str, name: str, note: str = "", style: str = "", seconds: float | None = None
    ) -> None:
        """Prints "mark name note (time that it took)"; the mark has four letters at most."""
        took = f"  ({humanize.took(seconds)})" if seconds is not None else ""
        self.say(f"{'     ' * self._depth}{mark:>4} {name:<14} {note}{took}".rstrip(), style)

    @contextmanager
    def progress_bar(self, of: str = "have left") -> Iterator["Show"]:
        """Yields a function that shows how far something has come; `of` stands behind the share."""
        from toolkit.terminal import progress

        if isinstance(self._out, Plain) or not self._out.is_terminal or self._out.is_dumb_terminal:
            yield progress.Lines(self.say).show
            return
        from rich.live import Live

        with Live(console=self._out, auto_refresh=False, transient=True) as live:
            yield lambda share, text, more: live.update(progress.bar(share, text, more, of), refresh=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], turns: bool = False) -> None:
        """Prints a table; None in a cell is "-". `turns`: see `toolkit.terminal.table`."""
        from toolkit.terminal import table

        cells = [["-" if cell is None else printable(str(cell)) for cell in row] for row in rows]
        if isinstance(self._out, Plain):
            for text in table.plain(columns, cells):
                self._out.print(text)
            return
        for line in table.lines(columns, cells, self._out.width, turns):
            self._out.print(line, soft_wrap=True)

    def emit(self, document: object) -> None:
        """Prints the JSON document of a command."""
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")

    def error(self, error: BgctlError) -> None:
        self._print(self._error, f"bgctl: {error}", "red")
        if error.detail:
            self._print(self._error, error.detail, "dim")
        if error.next:
            self._unbroken(f"next: {error.next}")

    def confirm(self, question: str) -> bool:
        """Asks a question for yes or no. False if there is no terminal on which it could be asked."""
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
        """Whether a person reads along. Off a terminal, where cron mails the lines, there should be few."""
        return sys.stdout.isatty()

    @staticmethod
    def _print(console: "Console | Plain", text: str, style: str) -> None:
        """Prints a line, on a terminal broken between words: the terminal itself would break it anywhere.

        A colour marks only the first word, such as "ok" or "warning:". The rest has the terminal's own
        colour, which can be read on a light background and on a dark one.
        """
        if isinstance(console, Plain):
            console.print(text)
            return
        from rich.text import Text

        if len(text) > console.width:
            from toolkit.terminal import table

            text = table.wrapped(text, console.width, INDENT)
        said = Text(text, style if style == "dim" else "")
        if style != "dim" and (word := re.match(r"\s*\S+", text)):
            said.stylize(style, 0, word.end())
        console.print(said, soft_wrap=True)

    def _unbroken(self, text: str) -> None:
        """Prints a command as one line of any length, to be copied from the terminal."""
        if isinstance(self._error, Plain):
            self._error.print(text)
        else:
            self._error.print(text, markup=False, highlight=False, soft_wrap=True)

    @cached_property
    def _out(self) -> "Console | Plain":
        return _printer(sys.stderr if self.as_json else sys.stdout)

    @cached_property
    def _error(self) -> "Console | Plain":
        return _printer(sys.stderr)


class BufferedUI(UI):
    """Keeps its lines back until it is known whether they must be read (`flush`), as under cron."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[Callable[[str, str], None], str, str]] = []

    def say(self, text: str, style: str = "") -> None:
        self._lines.append((super().say, text, style))

    def say_now(self, text: str) -> None:
        super().say(text)

    def warn(self, text: str) -> None:
        self._lines.append((lambda text, _: super(BufferedUI, self).warn(text), text, ""))

    def progress(self, text: str) -> None:
        pass

    def flush(self) -> None:
        """Prints the lines that were kept back."""
        for show, text, style in self._lines:
            show(text, style)
        self._lines = []


def _printer(stream: TextIO) -> "Console | Plain":
    if stream.isatty():
        return _console(stream)
    _replace_unknown(stream)
    return Plain(stream)


def _replace_unknown(stream: TextIO) -> None:
    """A letter that a terminal or a file lacks must not end a release."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    _replace_unknown(stream)
    plain = not stream.isatty() or "NO_COLOR" in os.environ
    return Console(file=stream, no_color=plain, width=None if stream.isatty() else WIDTH)


def console() -> "Console":
    """Standard output, for the monitor's screen, which `UI` does not print."""
    return _console(sys.stdout)


def printable(text: str) -> str:
    """`text` without letters that could steer a terminal: users choose their names and addresses."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
