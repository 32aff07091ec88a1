"""The CPU that a command of bgctl takes, with all the programs that it starts."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import IO

from testbed.project import Project
from tests.bench import processes

RUNS = 9
INTERVAL, LOOKS = 2, 10  # seconds between two looks of the monitor; how many are measured
COMMANDS = {
    "help": ("--help",),
    "status": ("status",),
    "status_json": ("status", "--json"),
    "drain_auto": ("drain", "--auto"),
    "doctor": ("doctor",),
}
WORDS = {
    "help": "`bgctl --help`",
    "status": "`bgctl status`",
    "status_json": "`bgctl status --json`",
    "status_edited": "`bgctl status`, the first after a file was edited",
    "drain_auto": "`bgctl drain --auto`, at rest",
    "doctor": "`bgctl doctor`",
    "monitor_second": f"`bgctl monitor --interval {INTERVAL}s`, each second",
}
Found = dict[str, list[float]]


def measure(project: Project) -> Found:
    """Milliseconds, run by run; of a project that is at rest."""
    found = {name: _repeated(project, argv) for name, argv in COMMANDS.items()}
    found["status_edited"] = _repeated(project, COMMANDS["status"], lambda: _edit(project))
    found["monitor_second"] = _monitor(project)
    return found


def report(found: Found) -> str:
    rows = [f"{name}: {statistics.median(found[name]):.0f} ms of CPU" for name in WORDS if name in found]
    return "\n".join(rows)


def _repeated(
    project: Project, argv: tuple[str, ...], before: Callable[[], object] = lambda: None
) -> list[float]:
    def once() -> float:
        before()
        return _cost(project, argv)

    once()  # what is compiled, cached and remembered is so from here on
    return [once() for _ in range(RUNS)]


def _cost(project: Project, argv: tuple[str, ...]) -> float:
    """Of the command and all that it has waited for."""
    with _started(project, argv, subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"bgctl {' '.join(argv)}: exit {process.returncode}")
    return round(1000 * (used.ru_utime + used.ru_stime), 1)


def _started(project: Project, argv: tuple[str, ...], output: int) -> subprocess.Popen[str]:
    environment = {**project.environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each start would compile all of bgctl
    command = [str(project.program), "--project", str(project.directory), *argv]
    return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.DEVNULL, text=True)


def _edit(project: Project) -> None:
    with Path(project.directory, ".env").open("a") as file:
        file.write("# edited\n")


def _monitor(project: Project) -> list[float]:
    """Of each second between two looks: without the start, and without the first look."""
    argv = ("monitor", "--json", "--interval", f"{INTERVAL}s")
    with _started(project, argv, subprocess.PIPE) as process:
        assert process.stdout
        found = [_used_by(process, process.stdout) for _ in range(LOOKS + 2)][1:]
        process.send_signal(signal.SIGINT)
    return [round(1000 * (now - then) / INTERVAL, 1) for then, now in pairwise(found)]


def _used_by(process: subprocess.Popen[str], output: IO[str]) -> float:
    """Seconds of CPU by the time that its next line comes."""
    if not output.readline():
        raise RuntimeError("bgctl monitor has ended")
    return processes.cpu(process.pid, with_children=True)
