"""`make bench`: measures on a stack of its own, and removes it.

    python -m tests.bench [--rounds N] [--only warm,10k,200k,cold]

Figures go to build/bench.json; docs/performance.md says what they are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from testbed.project import ROOT, Project, name_of_its_own
from tests.bench import report, rows, switch
from tests.bench.clients import Clients
from tests.bench.rig import COOKIE, Rig
from tests.bench.rows import Measured, Row

ROUNDS, FEW_ROUNDS = 5, 3
SIZES = {"10k": 10_000, "200k": 200_000}
PARTS = ("switch", "warm", *SIZES, "cold")
RESULTS = ROOT / "build" / "bench.json"


def main() -> int:
    options = _options()
    parts = options.only.split(",") if options.only else PARTS
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        project = Project(scratch / "project", name_of_its_own("bgctl-bench")).create()
        try:
            found = _measure(project, scratch, parts, options.rounds)
        finally:
            project.remove()
    report.show(found)
    report.write(RESULTS, found)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help=f"some of {','.join(PARTS)}")
    return parser.parse_args()


def _measure(project: Project, scratch: Path, parts: tuple[str, ...], rounds: int) -> dict[str, Any]:
    project.bgctl("up")
    project.bgctl("up-green", "1.6.8")
    further: dict[str, Any] = {}
    if "switch" in parts:
        times = switch.measure(project)
        print(switch.report(times), flush=True)
        further["switch_ms"] = times
    project.bgctl("rollback")
    settings = project.directory / "bgctl.toml"
    settings.write_text(settings.read_text().replace("workers = 2", "workers = 1", 1))
    settings.write_text(settings.read_text().replace("[sessions]", f'[sessions]\ncookie = "{COOKIE}"', 1))
    project.bgctl("reload")
    rig = Rig(scratch / "rig", project)
    try:
        return _compare(rig, scratch, parts, rounds, further)
    finally:
        rig.stop()


def _compare(
    rig: Rig, scratch: Path, parts: tuple[str, ...], rounds: int, further: dict[str, Any]
) -> dict[str, Any]:
    subjects, measured = rig.start(), Measured()
    clients = Clients(rig.project, scratch, rig.secret)
    all_rows: list[Row] = []
    memory = further["private_bytes"] = {"idle": subjects["ours"].private_bytes()}
    if "warm" in parts:
        all_rows += rows.WARM
        _follow(rows.warm(rows.WARM, subjects, clients.warm(), rounds, measured))
        memory["warm"] = subjects["ours"].private_bytes()
    if "cold" in parts:
        _follow(rows.cold(subjects, clients, min(rounds, FEW_ROUNDS), measured))
    for size, count in SIZES.items():
        if size in parts:
            scripts = {
                f"bearer_{size}": clients.many(f"bearer_{size}", "EdDSA", count),
                f"hs256_{size}": clients.many(f"hs256_{size}", "HS256", count),
            }
            all_rows += rows.many(size)
            _follow(rows.warm(rows.many(size), subjects, scripts, min(rounds, FEW_ROUNDS), measured, count))
            memory[size] = subjects["ours"].private_bytes()
    return report.document(measured, all_rows, further)


def _follow(steps: Iterator[str]) -> None:
    """Shows what is being done, on a terminal."""
    for step in steps:
        if sys.stderr.isatty():
            print(f"\r{step:<60}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
