"""What a test waits for is asked once at each look: of two questions, the second may have another answer.

`lambda: ages(stack) and max(ages(stack)) < 1` fails when the server does not answer the second time.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [path for folder in ("tests", "testbed", "demo") for path in sorted((ROOT / folder).rglob("*.py"))]


def asked_twice(text: str) -> Iterator[str]:
    """The calls that a condition has more than once, with their lines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Lambda):
            calls = Counter(ast.unparse(each) for each in ast.walk(node) if isinstance(each, ast.Call))
            yield from (f"line {node.lineno}: {call}" for call, count in calls.items() if count > 1)


def test_a_condition_asks_once() -> None:
    found = {str(path.relative_to(ROOT)): list(asked_twice(path.read_text())) for path in FILES}
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_a_second_question_is_found() -> None:
    (found,) = asked_twice("eventually(lambda: ages(it) and max(ages(it)) < 1)")
    assert found == "line 1: ages(it)"
