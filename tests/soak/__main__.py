"""`python -m tests.soak`: a tenth of the switches take green out of routing, the others move nobody."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.stage import PIN_IDLE
from testbed.project import Project, name_of_its_own

from .promises import promises
from .runs import NEW, SHARES, WITHDRAWALS, Outcome, switched


def main() -> int:
    """0 when every promise was kept."""
    times = _switches()
    few = max(4, times // 10)
    console = Console(soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        project = Project(
            Path(folder) / "project", name_of_its_own("bgctl-soak"), pin_idle=f"{PIN_IDLE}s"
        ).create()
        try:
            project.bgctl("up")
            project.bgctl("up-green", NEW)
            plan = ((SHARES, times - few), (WITHDRAWALS, few))
            kept = [
                _report(switched(project, run, number, silence=PIN_IDLE + 1), console) for run, number in plan
            ]
            log = project.error_log()
        finally:
            project.remove()
    for line in log:
        console.print(f"proxy: {line}", markup=False)
    return 0 if all(kept) and not log else 1


def _switches() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--switches", type=int, default=1000, help="in a row (default: 1000)")
    return int(parser.parse_args().switches)


def _report(outcome: Outcome, console: Console) -> bool:
    """Prints it. Whether all was kept."""
    words = {True: "kept", False: "BROKEN", None: ""}
    table = Table("", "", "", title=outcome.run.name, title_justify="left", show_header=False)
    found = promises(outcome)
    for each in found:
        table.add_row(each.what, each.found, words[each.kept])
    console.print(table)
    for failure in outcome.tally.failures:
        console.print(f"  {failure}", markup=False)
    return all(each.kept is not False for each in found)


if __name__ == "__main__":
    sys.exit(main())
