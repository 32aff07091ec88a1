"""docs/architecture.md as data: the rooms of each package, from the ground up."""

import re

from tests.unit.support.packages import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text()


def order(parent: str) -> list[str]:
    """Modules and rooms of a package such as "toolkit/": each may use those before it."""
    return re.findall(r"`(\w+)/?`", _first_column(parent))


def folders(parent: str) -> list[str]:
    return re.findall(r"`(\w+)/`", _first_column(parent))


def _first_column(parent: str) -> str:
    section = TEXT.partition(f"\n### {parent}\n")[2].partition("\n#")[0]
    return "".join(re.findall(r"^\| (`[^|]+) \|", section, re.M))
