"""How long after the rename a switch is in force in every worker."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime

import requests

from testbed.project import Project
from toolkit.files import state_file
from toolkit.state import transitions

SWITCHES = 200
PATIENCE = 5.0  # seconds


def measure(project: Project) -> list[float]:
    """Milliseconds from each rename until the last worker says that it routes by it."""
    with requests.Session() as control:
        return [_switch(project, control) for _ in range(SWITCHES)]


def report(times: list[float]) -> str:
    ranked = sorted(times)
    return (
        f"switch in force in every worker: median {statistics.median(ranked):.0f} ms, "
        f"99 % within {ranked[len(ranked) * 99 // 100 - 1]:.0f} ms, longest {ranked[-1]:.0f} ms "
        f"({len(ranked)} switches)"
    )


def _switch(project: Project, control: requests.Session) -> float:
    path = project.directory / "state" / "state.json"
    before = state_file.read(path)
    turn = transitions.disable_green if before.phase == "draining" else transitions.enable_green
    after = turn(before, datetime.now(UTC))
    state_file.write(path, after)
    renamed = time.monotonic()
    while time.monotonic() < renamed + PATIENCE:
        status = control.get(f"{project.control_url}/status", timeout=PATIENCE).json()
        if all(worker["generation"] == after.generation for worker in status["workers"]):
            return (time.monotonic() - renamed) * 1000
    raise RuntimeError(f"generation {after.generation} is not in force after {PATIENCE:g} s")
