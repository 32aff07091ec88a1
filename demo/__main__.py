"""`python -m demo`: three releases of a small app under load, on this machine's loopback."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from testbed.load import LoadError, LoadProcess, Tally
from testbed.ports import Ports
from testbed.project import ROOT, Project

from .stage import PIN_IDLE, StoryError
from .story import FIRST, IDLE, NEXT, OLD, RATE, Story

DIRECTORY = ROOT / ".demo"
NAME = f"bgctl-demo-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"  # each checkout has its own


def main() -> int:
    """0 when nothing failed, flipped or was cut; 1 otherwise, or when the story could not be told."""
    arguments = _arguments()
    console = Console(highlight=False, soft_wrap=True)
    old = Project(DIRECTORY, NAME)
    old.remove()  # an earlier demo may still be running
    if arguments.stop:
        console.print("demo: stopped and removed")
        return 0
    ports = Ports() if Ports().all_free() else Ports.free()
    pin_idle = f"{PIN_IDLE}s"
    project = Project(
        DIRECTORY, NAME, version=OLD, ports=ports, idle_timeout=IDLE, pin_idle=pin_idle, migrate=FIRST
    ).create()
    kept = False
    try:
        tally = _run(project, console)
        kept = arguments.keep
    except (StoryError, LoadError, AssertionError) as error:
        console.print(f"\ndemo: {error}", style="red", markup=False)
        _show_log(project, console)
        return 1
    finally:
        if not kept:
            project.remove()
    if kept:
        _show_urls(project, console)
    return 0 if tally.clean else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running and print the URLs")
    parser.add_argument("--stop", action="store_true", help="stop and remove what --keep left running")
    return parser.parse_args()


def _run(project: Project, console: Console) -> Tally:
    console.print(f"[bold]bgctl demo[/bold]: {OLD} is live at {project.url} in a moment")
    with LoadProcess(project.url, served={OLD}, rate=RATE) as load:
        story = Story(project, load, console)
        story.bgctl("up")
        tally = story.tell()
    _report(project, tally, console)
    return tally


def _report(project: Project, tally: Tally, console: Console) -> None:
    table = Table("", "", title="What the users saw", title_justify="left", show_header=False)
    for name, value in (
        ("requests", f"{tally.requests:,}"),
        *((f"answered by {version}", f"{count:,}") for version, count in sorted(tally.answers.items())),
        ("failed", str(tally.failed)),
        ("flipped", str(tally.flipped)),
        (
            "kept, of those who were here all the time",
            f"{tally.kept} of {tally.regulars}",
        ),
        ("migrated with a page view, as allowed", str(tally.migrated)),
        ("moved after their version had gone", str(tally.moved)),
        ("sent again, for an idle connection was being closed", str(tally.resent)),
        ("WebSockets opened", str(tally.websockets_opened)),
        ("WebSockets cut", str(tally.websockets_cut)),
        ("event streams opened", str(tally.streams_opened)),
        ("event streams cut", str(tally.streams_cut)),
        (
            "long polls, uploads, downloads",
            f"{tally.polls:,}, {tally.uploads:,}, {tally.downloads:,}",
        ),
        ("POSTs done twice", str(tally.doubled_posts)),
        ("longest gap between two answers", f"{tally.max_gap_ms:.0f} ms"),
        ("of which this load generator itself was late", f"{tally.max_lag_ms:.0f} ms at most"),
    ):
        table.add_row(name, value)
    console.print("\n", table)
    for failure in tally.failures:
        console.print(f"  {failure}", markup=False)
    _show_log(project, console)
    console.print(
        f"demo: requests={tally.requests} failed={tally.failed} flipped={tally.flipped} "
        f"websockets_cut={tally.websockets_cut} streams_cut={tally.streams_cut} "
        f"max_gap_ms={tally.max_gap_ms:.0f} seconds={tally.seconds:.0f} migrated={tally.migrated} "
        f"kept={tally.kept}/{tally.regulars}"
    )


def _show_log(project: Project, console: Console) -> None:
    for line in project.error_log()[-20:]:
        console.print(f"  proxy: {line}", markup=False)


def _show_urls(project: Project, console: Console) -> None:
    console.print(f"\nStill running, on {NEXT}. Open:")
    console.print(f"  the app      {project.url}/")
    console.print(f"  the routing  {project.control_url}/status")
    console.print(f"  the metrics  {project.control_url}/metrics")
    console.print(f"Drive it yourself:  cd {_short(project.directory)} && ../.venv/bin/bgctl status")
    console.print("Stop it:            make demo-stop")


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
