"""What the pages of docs/recipes say: the commands to type, and which bgctl.toml comes of them."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from testbed.project import ROOT

PAGES = ROOT / "docs" / "recipes"
ADDRESS = re.compile(r"^[\d.]+:\d+$")
OF_THE_MACHINE = ("name", "engine", "control", "cookie_stem")


class Page:
    """What docs/recipes says of one of them."""

    def __init__(self, kind: str) -> None:
        self.text = (PAGES / f"{kind}.md").read_text()

    def options(self, command: str) -> list[str]:
        """What follows `bgctl COMMAND` where the page types it."""
        typed = re.findall(rf"^(?:\$ |    )bgctl {command}\b([^#\n]*)", self.text, re.M)
        assert len(typed) == 1, f"bgctl {command}: {typed}"
        words: list[str] = typed[0].split()
        return words

    @property
    def toml(self) -> dict[str, Any]:
        """What `init` writes, by the first of its blocks of TOML."""
        return tomllib.loads(self._blocks()[0])

    @property
    def added(self) -> str:
        """What its reader adds to that, by the other blocks."""
        return "\n".join(self._blocks()[1:])

    def _blocks(self) -> list[str]:
        return [found[1] for found in re.finditer(r"^```toml\n(.*?)^```$", self.text, re.M | re.S)]


def comparable(table: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from machine to machine: addresses, the folder's name, what the test has told."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key not in OF_THE_MACHINE}
        return "an address" if isinstance(value, str) and ADDRESS.match(value) else value

    found: dict[str, Any] = {key: plain(inner) for key, inner in table.items()}
    return {key: inner for key, inner in found.items() if inner not in ({}, {"address": "an address"})}
