"""tests/order.py names files that are there."""

from __future__ import annotations

from pathlib import Path

from tests import order


def test_files_that_are_named_exist() -> None:
    there = {path.stem for path in Path(order.__file__).parent.rglob("test_*.py")}
    named = order.APART | {beginning.partition("::")[0] for beginning in order.LONGEST_FIRST}
    assert named <= there
