"""docs/threats.md and the tests name the same threats: no row without a test, no test without its row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = (TESTS.parent / "docs" / "threats.md").read_text()
TO = "\N{EN DASH}"  # between the first and the last of several
ROW = re.compile(rf"^\| (\d[\d{TO}, ]*) \|", re.MULTILINE)
IN_NAME = re.compile(r"test_((?:\d+_)+)")


def numbers(listed: str) -> Iterator[int]:
    """Of a row's first column, which may list several, and ranges of them."""
    for part in listed.split(","):
        first, _, last = part.strip().partition(TO)
        yield from range(int(first), int(last or first) + 1)


def marked(function: ast.FunctionDef) -> set[int]:
    """What its `@pytest.mark.threat(...)` lists."""
    calls = [one for one in function.decorator_list if isinstance(one, ast.Call)]
    ours = [call for call in calls if ast.unparse(call.func) == "pytest.mark.threat"]
    return {ast.literal_eval(argument) for call in ours for argument in call.args}


def functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path in TESTS.rglob("test_*.py"):
        if "cases" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    yield path, node


@pytest.fixture(scope="module")
def tests() -> dict[str, tuple[set[int], set[int]]]:
    """By `file::test`: the threats in its name, and those of its marker."""
    found = {}
    for path, function in functions():
        name = IN_NAME.match(function.name)
        in_name = {int(number) for number in name[1].strip("_").split("_")} if name else set()
        found[f"{path.relative_to(TESTS)}::{function.name}"] = (in_name, marked(function))
    return found


def test_a_name_with_numbers_has_their_marker(tests: dict[str, tuple[set[int], set[int]]]) -> None:
    assert [name for name, (in_name, marker) in tests.items() if not in_name <= marker] == []


def test_the_table_and_the_tests_name_the_same_threats(tests: dict[str, tuple[set[int], set[int]]]) -> None:
    in_table = set(chain.from_iterable(numbers(listed) for listed in ROW.findall(TABLE)))
    in_tests = set(chain.from_iterable(marker for _, marker in tests.values()))
    assert in_table == in_tests
    assert len(in_table) > 90
