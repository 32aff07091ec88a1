"""The monitor for programs: a snapshot as a line of JSON, again and again."""

import os
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from toolkit.monitor import snapshot
from toolkit.observe.sources import Sources

if TYPE_CHECKING:
    from toolkit.project import Project


def run(project: "Project", interval: float) -> None:
    """Prints a line every `interval` seconds, until it is interrupted or its reader has gone."""
    sources = Sources(project, snapshot.USERS)
    try:
        while True:
            start = time.monotonic()
            seen = snapshot.take(project, sources.wait(), project.now())
            _write(msgspec.json.encode(seen) + b"\n")
            time.sleep(max(0.0, start + interval - time.monotonic()))
    except (KeyboardInterrupt, BrokenPipeError):
        return


def _write(line: bytes) -> None:
    """Writes to the file descriptor itself: `sys.stdout` raises nothing when its reader has gone."""
    while line:
        line = line[os.write(sys.stdout.fileno(), line) :]
