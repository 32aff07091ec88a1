"""A file holds one noun and a function one step: neither grows past what a reader keeps in mind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("toolkit", "session_api", "testbed", "demo", "compose", "lua")
FILE, FUNCTION = 250, 40  # lines
LONGER = {
    "toolkit/state/transitions.py": "a short function for each step of a release, and no second noun",
}
PYTHON = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
LUA = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.lua"))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(first line, number of lines) of each function; of Lua's those that stand at the margin."""
    text = path.read_text()
    if path.suffix == ".lua":
        for found in re.finditer(r"^(?:local )?function .*?^end", text, re.MULTILINE | re.DOTALL):
            yield found[0].partition("\n")[0], found[0].count("\n") + 1
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("path", [*PYTHON, *LUA], ids=name)
def test_no_file_or_function_is_long(path: Path) -> None:
    length = len(path.read_text().splitlines())
    assert length <= FILE or name(path) in LONGER, f"{length} lines: split it by noun, or give a reason here"
    long = [f"{what} ({lines} lines)" for what, lines in functions(path) if lines > FUNCTION]
    assert not long


@pytest.mark.parametrize("named", LONGER)
def test_a_reason_is_for_a_file_that_is_long(named: str) -> None:
    assert len((ROOT / named).read_text().splitlines()) > FILE
