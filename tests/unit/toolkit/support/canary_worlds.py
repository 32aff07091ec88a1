"""A project whose proxy counts by version: every look at it finds more requests, shared out as routed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.traffic import BOUNDS
from tests.unit.toolkit.support.worlds import CANDIDATE, READY, World
from tests.web_server import Reply, Web

OLD, NEW = "1.6.7", "1.6.8"


class CanaryWorld(World):
    """`rate` requests come between two looks, and of those of green the share `failing` fails."""

    def __init__(self, root: Path, web: Callable[[], Web]) -> None:
        super().__init__(root, web)
        self.rate, self.failing = 2000, 0.0
        self.started: float | None = 1_700_000_000.5
        self.requests = {OLD: 0, NEW: 0}
        self.errors = {OLD: 0, NEW: 0}
        self.looks = 0
        self.at_look: dict[int, Callable[[], object]] = {}
        self.settings(pause='"1ms"', patience='"30s"')
        self.put("candidate", READY, CANDIDATE)
        self.serve(self.green, NEW)

    def settings(self, **canary: str) -> None:
        """Of [canary], as TOML has them."""
        path = self.root / "bgctl.toml"
        before, table, rest = path.read_text().partition("[canary]")
        lines = rest.splitlines()
        for name, value in canary.items():
            at = next(number for number, line in enumerate(lines) if line.startswith(f"{name} ="))
            lines[at] = f"{name} = {value}"
        path.write_text(before + table + "\n".join(lines) + "\n")

    @property
    def shares(self) -> list[int]:
        """Of green, as the history has them."""
        asked = [line["what"].split() for line in self.history if line["outcome"] == "done"]
        return [int(words[2]) for words in asked if words[:2] == ["route", "canary"]]

    def restart_proxy(self) -> None:
        self.started = (self.started or 0) + 1
        self.requests, self.errors = {OLD: 0, NEW: 0}, {OLD: 0, NEW: 0}

    def _serve_some(self) -> None:
        share = self.state["slots"]["green"]["weight"]
        greens = self.rate * share // 100
        self.requests[NEW] += greens
        self.requests[OLD] += self.rate - greens
        self.errors[NEW] += round(greens * self.failing)

    def _figures(self, version: str) -> dict[str, Any]:
        requests = self.requests[version]
        counts = [0, 0, requests, *[0] * (len(BOUNDS) - 2)]
        return {"requests": requests, "errors": self.errors[version], "bounds": BOUNDS, "counts": counts}

    def _status(self) -> Reply:
        status, document = super()._status()
        assert isinstance(document, dict)
        if self.state["phase"] == "canary":
            self._serve_some()
            self.looks += 1
            self.at_look.get(self.looks, lambda: None)()
        served = [slot["version"] for slot in self.state["slots"].values() if slot["state"] != "maint"]
        figures = {version: self._figures(version) for version in served}
        started = {} if self.started is None else {"startedAt": self.started}
        return status, {**document, **started, "figures": figures}
