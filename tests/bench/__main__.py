"""`make bench`: measures on a stack of its own, and removes it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from testbed.ports import Ports
from testbed.project import Project, name_of_its_own

from . import cpu, switch


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        project = Project(scratch / "project", name_of_its_own("bgctl-bench")).create()
        try:
            project.bgctl("up")
            project.bgctl("up-green", "1.6.8")
            print(switch.report(switch.measure(project)), flush=True)
            project.bgctl("rollback")
            print(cpu.report(cpu.measure(project, scratch, Ports.free().proxy)), flush=True)
        finally:
            project.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
