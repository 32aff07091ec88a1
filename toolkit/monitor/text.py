"""Signs and pieces of lines: each is as wide as it is told to be, and never wider."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from toolkit.terminal.ui import printable

# To be read on a light background and on a dark one: no yellow, no white, and no dark blue.
ACCENT = {"blue": "bright_blue", "green": "green"}
QUIET, BAD, UNKNOWN = "dim", "bold red", "magenta"
GAP = 3  # between two columns


@dataclass(frozen=True)
class Ink:
    """What lines are made of. `marks` tell the slots from each other without colour."""

    marks: dict[str, str]
    full: str
    empty: str
    rule: str
    arrow: str
    more: str
    dot: str


UNICODE = Ink({"blue": "●", "green": "◆"}, "■", "·", "─", "→", "…", "·")
ASCII = Ink({"blue": "o", "green": "*"}, "#", ".", "-", "->", "~", "-")


def ink_for(encoding: str) -> Ink:
    try:
        "●◆■·─→…".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


def clip(text: str | Text, width: int, ink: Ink, style: str = "") -> Text:
    """At most `width` wide; what was cut off is told by a sign."""
    whole = text.copy() if isinstance(text, Text) else Text(printable(text), style)
    if cell_len(whole.plain) <= width:
        return whole
    whole.truncate(max(0, width - cell_len(ink.more)))
    whole.append(ink.more[: max(0, width)])
    return whole


def apart(left: Text, right: Text, width: int, ink: Ink, fill: str = " ") -> Text:
    """`left` and `right` at the two ends; when there is not room for both, `left` gives way."""
    end = clip(right, width, ink)
    start = clip(left, max(0, width - cell_len(end.plain) - 1), ink)
    gap = max(0, width - cell_len(start.plain) - cell_len(end.plain))
    last = " " * min(gap - 1, 1) if end.plain else ""
    middle = Text(" " * min(gap, 1) + fill * (gap - 1 - len(last)) + last, QUIET)
    return Text.assemble(start, middle, end)


def fitting(parts: Sequence[Text], width: int, ink: Ink, between: str = "   ") -> Text:
    """As many of `parts` as there is room for, the first in any case."""
    return packed(parts, width, ink, between)[0]


def packed(parts: Sequence[Text], width: int, ink: Ink, between: str = "   ") -> list[Text]:
    """All of `parts`, in as few lines as it takes."""
    lines: list[Text] = []
    for part in parts:
        if lines and cell_len(lines[-1].plain) + len(between) + cell_len(part.plain) <= width:
            lines[-1] = Text.assemble(lines[-1], between, part)
        else:
            lines.append(clip(part, width, ink))
    return lines


def bar(share: float, width: int, style: str, ink: Ink) -> Text:
    """Something that is there at all is seen, and only all of it fills the bar."""
    share = min(1.0, max(0.0, share))
    full = round(share * width)
    if 0 < share < 1:
        full = min(max(full, 1), max(width - 1, 0))
    return Text.assemble((ink.full * full, style), (ink.empty * (width - full), QUIET))


def halves(width: int) -> tuple[int, int]:
    """The widths of two columns."""
    left = (width - GAP) // 2
    return left, width - GAP - left


def beside(left: list[Text], right: list[Text], column: int) -> list[Text]:
    """Lines of two columns, the left one `column` wide."""
    height = max(len(left), len(right))
    blank = Text()
    pairs = zip(left + [blank] * (height - len(left)), right + [blank] * (height - len(right)), strict=True)
    return [Text.assemble(one, " " * (column + GAP - cell_len(one.plain)), other) for one, other in pairs]
