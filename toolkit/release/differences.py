"""Which containers run with other settings than the files say today, and what brings those.

Values are never told: they may be secrets. A container of which nothing was noted is not told of: plain
compose has started it, or a bgctl that noted nothing.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolkit import shipped
from toolkit.clients.proxy import reachable
from toolkit.config import SLOTS
from toolkit.drift import unchanged
from toolkit.engine import compose_form
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.project import Project
from toolkit.release.difference import Difference
from toolkit.rendering import capacity
from toolkit.state.document import State


def look(project: Project, containers: Mapping[str, Container] | None = None) -> list[Difference]:
    """Raises what the engine or the compose command says. `containers` are those that are there, if known."""
    now = project.state()
    if now.deployment and now.deployment.is_restart:
        return []  # that is what it is about
    there = project.containers() if containers is None else containers

    def find() -> list[Difference]:
        from toolkit.release import comparing

        return comparing.compare(project, now, there)

    def files() -> Sequence[Path] | None:
        from toolkit.release import comparing

        return comparing.files(project)

    return unchanged.look(project, _facts(project, now, there), files, find)


def told(project: Project) -> list[Difference]:
    """As `look`; empty where that cannot be told: nothing waits for it."""
    try:
        return look(project)
    except BgctlError:
        return []


def of_slots(project: Project) -> list[Difference]:
    """Those that a restart or a release brings, as far as they are known."""
    return [each for each in told(project) if each.slot]


def _facts(project: Project, now: State, containers: Mapping[str, Container]) -> object:
    """What a look is made of, beside files and the environment."""
    return (
        sorted((name, each.id) for name, each in containers.items() if each.state.running),
        [now.slots[slot].version for slot in SLOTS],
        reachable(project.proxy) is not None,
        (os.getuid(), os.getgid(), capacity.this_machine()),
        compose_form.programs(),
        shipped.marks(),
    )
