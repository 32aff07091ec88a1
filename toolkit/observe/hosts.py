"""What `bgctl doctor` looks at where there are several hosts: their clocks, and the files of each manager."""

from collections.abc import Callable

from toolkit.checks.looks import Problems
from toolkit.errors import caught
from toolkit.project import Project
from toolkit.release import clocks, same_files

Looks = dict[str, tuple[Callable[[Project], Problems], tuple[str, ...]]]


def looks(project: Project) -> Looks:
    """Each with the looks that it needs; none where there is one host."""
    if not project.config.project.engine.several_hosts:
        return {}
    return {"files": (file_problems, ("state", "env file")), "clocks": (clock_problems, ("state",))}


def file_problems(project: Project) -> Problems:
    """Whether the files are those of the last change, at whichever place that was made."""
    yield from caught(lambda: same_files.check(project))
    return "those of the last change"


def clock_problems(project: Project) -> Problems:
    yield from clocks.problems(project)
    return f"those of nodes, Redis and this host differ by less than {clocks.TOLERABLE:g} s"
