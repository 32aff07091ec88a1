"""Lays out a table for a screen: nothing is cut off, no line is wider than the screen, and no word is broken.

The first of these shapes that fits is taken: a line for each row; cells of several lines; turned, with a row
for each column; the last columns below each row. Off a terminal each row is one line.
"""

import re
import textwrap
from collections.abc import Sequence
from functools import cache, partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = 2  # blanks between two columns
SHORT = 14  # letters of a cell that stays on one line: "3 min ago" is one thing
TALL = 5  # lines of a cell, at most, before another shape is taken
INDENT = "    "
UNKNOWN = ("-", "unknown")  # what may stand in a column of numbers
NUMBER = re.compile(r"(\d) (?=(?:d|h|min|s|ms|%)\b|%)")

Rows = Sequence[Sequence[str]]


def plain(columns: Sequence[str], rows: Rows) -> list[str]:
    """The lines of a table where there is no screen."""
    table = [columns, *rows]
    wide, right = natural(table), numeric(rows)
    return [_joined(row, wide, right) for row in table]


def lines(columns: Sequence[str], rows: Rows, room: int, turns: bool = False) -> "list[Text]":
    """The lines of a table on a screen of `room` columns.

    `turns`: the table may be turned. That is for few rows, each named by its first column.
    """
    table = [columns, *rows]
    if sum(natural(table)) + GAP * (len(columns) - 1) <= room:
        return drawn(table, natural(table), numeric(rows))
    if found := widths(table, room):
        return drawn(table, found, numeric(rows))
    if turns:
        turned = list(zip(*table, strict=True))
        if found := widths(turned, room):
            return drawn(turned, found, [])
    return hung(columns, rows, room)


def natural(table: Rows) -> list[int]:
    """The width that each column needs for a line per row."""
    return [max(map(cell_len, column)) for column in zip(*table, strict=True)]


def widths(table: Rows, room: int) -> list[int] | None:
    """The widths of columns whose cells wrap; None if a word would break, or a cell be too tall."""
    wide = natural(table)
    least = [max(map(_least, column)) for column in zip(*table, strict=True)]
    left = room - GAP * (len(wide) - 1)
    if sum(least) > left:
        return None
    cap = max(wide)
    while sum(found := [max(low, min(high, cap)) for low, high in zip(least, wide, strict=True)]) > left:
        cap -= 1
    tall = any(
        len(_wrapped(cell, width)) > TALL for row in table for cell, width in zip(row, found, strict=True)
    )
    return None if tall else found


def numeric(rows: Rows) -> list[int]:
    """The numbers of the columns that have only numbers, which are aligned at the right."""
    columns = enumerate(zip(*rows, strict=True))
    return [
        at
        for at, cells in columns
        if all(cell.isdigit() or cell in UNKNOWN for cell in cells) and any(map(str.isdigit, cells))
    ]


def drawn(table: Rows, widths: Sequence[int], right: Sequence[int]) -> "list[Text]":
    """The lines of a table whose columns have these widths. Its first row is the heading."""
    from rich.text import Text

    found: list[Text] = []
    for number, row in enumerate(table):
        cells = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            found.append(Text(_joined(parts, widths, right), "" if number else "bold"))
    return found


def hung(columns: Sequence[str], rows: Rows, room: int) -> "list[Text]":
    """The lines of a table with as many columns as fit, and the others below each row."""
    from rich.text import Text

    wide, stay = natural([columns, *rows]), 1
    while sum(wide[: stay + 1]) + GAP * stay <= room:
        stay += 1
    head, *rest = drawn(
        [columns[:stay], *[row[:stay] for row in rows]], wide[:stay], numeric([r[:stay] for r in rows])
    )
    found = [head]
    for line, row in zip(rest, rows, strict=True):
        found.append(line)
        for name, cell in zip(columns[stay:], row[stay:], strict=True):
            if cell:
                label = f"{name}: " if name else ""
                found += [Text(INDENT + part) for part in _wrapped(label + cell, room - len(INDENT))]
    return found


def wrapped(text: str, room: int, indent: str = "") -> str:
    """Breaks lines between words, with `indent` before each but the first. Words are never broken."""
    fill = partial(
        textwrap.fill,
        width=room,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    # A number and its unit stay together: textwrap does not break at a no-break space.
    lines = [fill(NUMBER.sub("\\1\u00a0", line)) for line in text.split("\n")]
    return "\n".join(lines).replace("\u00a0", " ")


def _least(cell: str) -> int:
    """The least width of a column with this cell."""
    return cell_len(cell) if cell_len(cell) <= SHORT else max(map(cell_len, cell.split()), default=0)


def _wrapped(cell: str, width: int) -> list[str]:
    if cell_len(cell) <= width:
        return [cell]
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(cell).wrap(_ruler(), width, overflow="fold")]


def _joined(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    """One line; `right` are the numbers of the columns that are aligned at the right."""
    padded = [
        _padded(cell, width, at in right) for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return (" " * GAP).join(padded).rstrip()


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


@cache
def _ruler() -> "Console":
    """rich wants one to wrap text; nothing is printed on it."""
    from rich.console import Console

    return Console(width=1000)
