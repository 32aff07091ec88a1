"""The global options of the command line, which every command gets as click's context object."""

from dataclasses import dataclass
from pathlib import Path

CALLER = "BGCTL_ENDS_WITH_CALLER"  # in the environment, by the bgctl of another machine (toolkit/remote.py)


@dataclass(frozen=True)
class App:
    """`project` is the project directory; `debug` shows tracebacks.

    `without` are nodes of a swarm that need not be heard.
    """

    project: Path
    debug: bool
    without: frozenset[str] = frozenset()
