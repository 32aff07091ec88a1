"""The clocks of a swarm: a token is signed by that of one node, and judged by that of another.

Sessions are counted by the clock of Redis, and the times in the state are by that of bgctl's own host.
"""

import socket
from collections.abc import Iterator

from toolkit.cluster import clocks
from toolkit.cluster.view import View
from toolkit.errors import BgctlError, NotYet, Refused
from toolkit.project import Project

TOLERABLE = 5.0  # seconds; below that, a report that came late looks the same
WHY = "tokens of one node are too early or too old for another, and sessions would change their version"


def check(project: Project) -> None:
    """Raises Refused where clocks differ by more than tokens may ([tokens] leeway)."""
    if project.cluster:
        view, allowed = project.cluster.look(), max(TOLERABLE, float(project.config.tokens.leeway))
        for name, seconds in _wrong(view, allowed).items():
            raise Refused(_what(name, seconds), WHY, _mend(name))


def problems(project: Project) -> Iterator[BgctlError]:
    """Each clock that differs by more than can be explained."""
    if project.cluster:
        for name, seconds in _wrong(project.cluster.look(), TOLERABLE).items():
            yield NotYet(_what(name, seconds), WHY, _mend(name))


def _wrong(view: View, tolerable: float) -> dict[str, float]:
    ours = {f"this host ({socket.gethostname()})": view.here - view.now}
    ahead = {"Redis": 0.0, **view.clocks}
    if socket.gethostname() not in view.clocks:
        ahead |= ours
    return clocks.wrong(ahead, tolerable)


def _what(name: str, seconds: float) -> str:
    return f"the clock of {name} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the others"


def _mend(name: str) -> str:
    where = "the host of Redis" if name == "Redis" else name
    return f"set it by NTP: timedatectl set-ntp true, on {where}"
