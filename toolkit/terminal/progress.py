"""Shows how far something that takes long has come: on a terminal a bar, elsewhere a line now and then."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

SAY_EVERY = 30.0  # seconds between two lines, at least
WIDTH = 40  # columns of the bar

# Takes the share that is done (between 0 and 1), what there is to say, and more on that, or "".
Show = Callable[[float, str, str], None]


class Lines:
    """Says a line when there is something new to say, and not too often."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._last, self._at = "", float("-inf")

    def show(self, share: float, text: str, more: str) -> None:
        if text != self._last and self._clock() >= self._at + SAY_EVERY:
            self._last, self._at = text, self._clock()
            self._say(f"     ... {text}; {more}" if more else f"     ... {text}")


def bar(share: float, text: str, more: str, of: str = "have left") -> "RenderableType":
    """The bar, `share` and `of` beside it ("40% have left"), and a line each for `text` and `more`."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1))
    row.add_row(Text("    "), ProgressBar(1.0, share, WIDTH), Text(f"{share:4.0%} {of}", "bold"))
    lines = [Text(f"     {line}", "dim" if line == more else "") for line in (text, more) if line]
    return Group(row, *lines)
