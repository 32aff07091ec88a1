"""The dashboard for programs: a line of JSON for each look."""

import os
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from toolkit.monitor.snapshot import USERS, picture
from toolkit.observe.sources import Sources

if TYPE_CHECKING:
    from toolkit.project import Project

    pass


def run(project: "Project", interval: float) -> None:
    """Until it is interrupted, or whoever reads it has gone."""
    sources = Sources(project, USERS)
    try:
        while True:
            start = time.monotonic()
            seen = picture(project, sources.wait(), project.now())
            _write(msgspec.json.encode(seen) + b"\n")
            time.sleep(max(0.0, start + interval - time.monotonic()))
    except (KeyboardInterrupt, BrokenPipeError):
        return


def _write(line: bytes) -> None:
    """Past sys.stdout, which keeps quiet about a reader that has gone."""
    while line:
        line = line[os.write(sys.stdout.fileno(), line) :]
