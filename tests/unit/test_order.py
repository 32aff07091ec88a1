"""tests/order.py names files that are there."""

from __future__ import annotations

from pathlib import Path

from tests import order


def test_files_that_are_named_exist() -> None:
    there = {path.stem for path in Path(order.__file__).parent.rglob("test_*.py")}
    named = order.APART | {beginning.partition("::")[0] for beginning in order.LONGEST_FIRST}
    assert named <= there


def test_what_shares_a_lab_is_in_one_group() -> None:
    root = Path(order.__file__).parents[1]
    for folder in order.TOGETHER:
        files = [path.relative_to(root) for path in (root / folder).glob("test_*.py")]
        assert len(files) > 1
        assert {order.group(f"{file}::test") for file in files} == {folder}
