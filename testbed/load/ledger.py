"""Adds up how often the app has seen each POST, over all of its processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import requests

PATIENCE = 10.0  # seconds


class Ledger:
    """Each process counts for itself, and its counts end with it: read them before."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, int]] = {}

    def read(self, base_url: str, slot: str) -> None:
        """Read the counts of the process that answers there, if one does; they replace its earlier ones."""
        with suppress(requests.ConnectionError):
            version = requests.get(f"{base_url}/healthz", timeout=PATIENCE).json()["version"]
            seen = requests.get(f"{base_url}/api/ledger", timeout=PATIENCE).json()
            self._seen[f"{slot} {version}"] = seen

    def doubled(self) -> list[str]:
        """Keys that were seen more than once, by one process or by two."""
        return sorted(key for key, times in self._sum().items() if times > 1)

    def lost(self, posts: Mapping[str, bool]) -> list[str]:
        """Keys of POSTs that were answered well, and that no process has seen."""
        known = self._sum()
        return sorted(key for key, answered in posts.items() if answered and not known[key])

    def _sum(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for seen in self._seen.values():
            total.update(seen)
        return total
