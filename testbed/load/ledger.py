"""How often the app has seen each POST: what all of its processes say, together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import requests

PATIENCE = 10.0  # seconds for an answer


class Ledger:
    """Adds up what processes say. Each forgets its counts when it ends, so read it before."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, int]] = {}

    def read(self, base_url: str, slot: str) -> None:
        """Asks the process at `base_url`, if there is one. Its answer replaces the one before."""
        with suppress(requests.ConnectionError):
            version = requests.get(f"{base_url}/healthz", timeout=PATIENCE).json()["version"]
            seen = requests.get(f"{base_url}/api/ledger", timeout=PATIENCE).json()
            self._seen[f"{slot} {version}"] = seen

    def doubled(self) -> list[str]:
        """The keys that were seen more than once, by one process or by two."""
        return sorted(key for key, times in self._sum().items() if times > 1)

    def lost(self, posts: Mapping[str, bool]) -> list[str]:
        """The keys of POSTs that were answered well, and that no process has seen."""
        known = self._sum()
        return sorted(key for key, answered in posts.items() if answered and not known[key])

    def _sum(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for seen in self._seen.values():
            total.update(seen)
        return total
