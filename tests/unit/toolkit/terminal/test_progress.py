"""How far something has come: lines that are not too many, and a bar."""

import io

import pytest
from rich.console import Console

from toolkit.terminal import progress


def test_lines_come_when_there_is_news_and_not_too_often() -> None:
    now = [0.0]
    said: list[str] = []
    lines = progress.Lines(said.append, lambda: now[0])
    for second, text in enumerate(["a", "b", *["c"] * 40, "d"]):
        now[0] = float(second)
        lines.show(0, text, "x" * (second == 0))
    assert said == ["     ... a; x", "     ... c"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_bar(share: float) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(progress.bar(share, "1.6.7 still has 2 sessions", "likely empty at 14:20"))
    lines = console.export_text().splitlines()
    assert f"{share:.0%} have left" in lines[0]
    assert lines[1:] == ["     1.6.7 still has 2 sessions", "     likely empty at 14:20"]
