"""`make bench`: measures on a stack of its own, and removes it.

    python -m tests.bench [--rounds N] [--only warm,10k,...]

Figures go to build/bench.json, as soon as a part is over: they replace what is there of that part. `python -m
tests.bench.markdown` prints them as tables; docs/performance.md says what they are.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.project import ROOT, Project, name_of_its_own
from tests.bench import cli, log_ins, report, stores, switch
from tests.bench.clients import Clients
from tests.bench.parts import PARTS, Bench
from tests.bench.rig import COOKIE, PROXIES_CORE, Rig

ROUNDS = 15
NEXT = "1.6.8"
STORE_SIZES = (1_000, 100_000)  # sessions; `python -m tests.bench.stores` measures a million, too
ALONE = ("stores", "log-ins")  # without proxies
ALL = ("cli", "switch", *PARTS, *ALONE)
RESULTS = ROOT / "build" / "bench.json"


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what it has started is removed then, too
    wanted = options.only.split(",") if options.only else ALL
    if set(wanted) - set(ALONE):
        _with_proxies(wanted, options.rounds)
    if "stores" in wanted:
        found = stores.activity(sizes=STORE_SIZES)
        print(stores.activity_report(found), flush=True)
        report.write(RESULTS, {"stores": found}, "stores")
    if "log-ins" in wanted:
        os.sched_setaffinity(0, {PROXIES_CORE})  # of its clients; the session API has the other core
        measured = log_ins.measure()
        print(log_ins.report(measured), flush=True)
        report.write(RESULTS, {"log_ins": measured}, "log-ins")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help=f"some of {','.join(ALL)}")
    options = parser.parse_args()
    if unknown := set(filter(None, options.only.split(","))) - set(ALL):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    return options


def _with_proxies(wanted: list[str] | tuple[str, ...], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _project(Path(folder)) as project:
        project.bgctl("up")
        if "cli" in wanted:
            milliseconds = cli.measure(project)
            print(cli.report(milliseconds), flush=True)
            report.write(RESULTS, {"cli_ms": milliseconds}, "cli")
        if "switch" in wanted:
            report.write(RESULTS, {"switch_ms": _switches(project)}, "switch")
        if set(wanted) & set(PARTS):
            _measure_parts([name for name in PARTS if name in wanted], project, Path(folder), rounds)


def _measure_parts(names: list[str], project: Project, folder: Path, rounds: int) -> None:
    rig = Rig(folder / "rig", _with_one_worker(project), NEXT)
    try:
        bench = Bench(rig, rig.start(), Clients(project, folder, rig.secret), rounds)
        for name in names:
            _follow(PARTS[name](bench))
            found = report.document(bench.measured, bench.rows, bench.ratios, bench.further)
            report.write(RESULTS, found, name)
    finally:
        rig.stop()
    report.show(found)


@contextmanager
def _project(folder: Path) -> Iterator[Project]:
    folder.chmod(0o755)
    project = Project(folder / "project", name_of_its_own("bgctl-bench")).create()
    try:
        yield project
    finally:
        project.remove()


def _switches(project: Project) -> list[float]:
    project.bgctl("up-green", NEXT)
    times = switch.measure(project)
    print(switch.report(times), flush=True)
    project.bgctl("rollback")
    return times


def _with_one_worker(project: Project) -> Project:
    settings = project.directory / "bgctl.toml"
    text = settings.read_text().replace("workers = 2", "workers = 1", 1)
    settings.write_text(text.replace("[sessions]", f'[sessions]\ncookie = "{COOKIE}"', 1))
    project.bgctl("reload")
    return project


def _follow(steps: Iterator[str]) -> None:
    """Shows what is being done, on a terminal."""
    for step in steps:
        if sys.stderr.isatty():
            print(f"\r{step:<60}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
