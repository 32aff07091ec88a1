"""What requests notice of a switch: seconds of load with one in the middle, and quiet ones, in turn."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.bench import load
from tests.bench.rig import Rig, Subject
from toolkit.files import state_file
from toolkit.state import transitions
from toolkit.state.document import State

SECOND, MIDDLE = 1.0, 0.5
WARM_SECONDS = 6.0

Turn = Callable[[State], State]


def same_routes(state: State) -> State:
    """Another generation, and nothing else: each worker reads the file, and every decision is taken anew."""
    return replace(state, generation=state.generation + 1)


def other_routes(state: State) -> State:
    """New sessions go to the other slot from now on; those that are known stay."""
    turn = transitions.disable_green if state.phase == "draining" else transitions.enable_green
    return turn(state, datetime.now(UTC))


# None: a quiet second.
KINDS: dict[str, Turn | None] = {"quiet": None, "generation": same_routes, "routes": other_routes}


def measure(rig: Rig, subject: Subject, script: Path, rounds: int, found: dict[str, Any]) -> Iterator[str]:
    """Fills `found` with the runs of each kind: p50, p99 and the longest, in ms, round by round."""
    path = rig.project.directory / "state" / "state.json"
    state_file.write(path, transitions.candidate(state_file.read(path), rig.next, datetime.now(UTC)))
    yield "under-switch: warming up"
    load.run(subject.url, script, WARM_SECONDS)
    for number in range(1, rounds + 1):
        for kind, turn in KINDS.items():
            yield f"under-switch, {kind}: round {number} of {rounds}"
            run = _second(subject.url, script, path, turn)
            each = found.setdefault(kind, {"p50": [], "p99": [], "longest": [], "requests": []})
            each["p50"].append(run.p50)
            each["p99"].append(run.p99)
            each["longest"].append(run.longest)
            each["requests"].append(run.requests)


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """p99 of a second around a switch to that of the quiet one just before; medians."""
    return {
        "switch_p99_10k": statistics.median(of_pairs(found, "routes")),
        "generation_p99_10k": statistics.median(of_pairs(found, "generation")),
    }


def of_pairs(found: dict[str, Any], kind: str) -> list[float]:
    """By round: a machine's mood lasts longer than the three seconds of one."""
    return [p99 / quiet for p99, quiet in zip(found[kind]["p99"], found["quiet"]["p99"], strict=True)]


def _second(url: str, script: Path, path: Path, turn: Turn | None) -> load.Run:
    """One second of load; `turn` is done in its middle."""
    if not turn:
        return load.run(url, script, SECOND)
    after = turn(state_file.read(path))

    def switch() -> None:
        time.sleep(MIDDLE)
        state_file.write(path, after)

    thread = threading.Thread(target=switch)
    thread.start()
    run = load.run(url, script, SECOND)
    thread.join()
    return run
