"""Pieces of lines: each is exactly, or at most, as many terminal columns wide as it is told to be."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from toolkit.monitor.glyphs import QUIET, Glyphs
from toolkit.terminal.ui import printable

GAP = 3  # blanks between two columns of blocks


def clip(text: str | Text, width: int, glyphs: Glyphs, style: str = "") -> Text:
    """`text`, at most `width` wide; a sign stands where something was cut off."""
    whole = text.copy() if isinstance(text, Text) else Text(printable(text), style)
    if cell_len(whole.plain) <= width:
        return whole
    whole.truncate(max(0, width - cell_len(glyphs.more)))
    whole.append(glyphs.more[: max(0, width)])
    return whole


def apart(left: Text, right: Text, width: int, glyphs: Glyphs, fill: str = " ") -> Text:
    """`left` and `right` at the two ends of a line; where both do not fit, `left` is cut."""
    end = clip(right, width, glyphs)
    start = clip(left, max(0, width - cell_len(end.plain) - 1), glyphs)
    gap = max(0, width - cell_len(start.plain) - cell_len(end.plain))
    last = " " * min(gap - 1, 1) if end.plain else ""
    middle = Text(" " * min(gap, 1) + fill * (gap - 1 - len(last)) + last, QUIET)
    return Text.assemble(start, middle, end)


def fitting(parts: Sequence[Text], width: int, glyphs: Glyphs, between: str = "   ") -> Text:
    """As many of `parts` as fit into one line. The first is there in any case, cut if it is too wide."""
    return packed(parts, width, glyphs, between)[0]


def packed(parts: Sequence[Text], width: int, glyphs: Glyphs, between: str = "   ") -> list[Text]:
    """All of `parts`, in as few lines as they need. A part that is wider than a line is cut."""
    lines: list[Text] = []
    for part in parts:
        if lines and cell_len(lines[-1].plain) + len(between) + cell_len(part.plain) <= width:
            lines[-1] = Text.assemble(lines[-1], between, part)
        else:
            lines.append(clip(part, width, glyphs))
    return lines


def bar(share: float, width: int, style: str, glyphs: Glyphs) -> Text:
    """A bar for a share between 0 and 1: empty only for 0, and full only for 1."""
    share = min(1.0, max(0.0, share))
    full = round(share * width)
    if 0 < share < 1:
        full = min(max(full, 1), max(width - 1, 0))
    return Text.assemble((glyphs.full * full, style), (glyphs.empty * (width - full), QUIET))


def halves(width: int) -> tuple[int, int]:
    """The widths of the left and the right one of two columns."""
    left = (width - GAP) // 2
    return left, width - GAP - left


def beside(left: list[Text], right: list[Text], column: int) -> list[Text]:
    """The lines of two blocks side by side, the left one `column` wide."""
    height = max(len(left), len(right))
    blank = Text()
    pairs = zip(left + [blank] * (height - len(left)), right + [blank] * (height - len(right)), strict=True)
    return [Text.assemble(one, " " * (column + GAP - cell_len(one.plain)), other) for one, other in pairs]
