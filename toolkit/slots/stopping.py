"""Waits until a slot is empty, stops it, and tells the engine whether to restart green."""

import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.health.image_proof import tag
from toolkit.project import Project
from toolkit.slots import crossing, keeping, kept_files
from toolkit.slots.services import first_names, has_sessions, names
from toolkit.state.document import State

AT_ONCE = 8  # containers that are stopped together


def wait_empty(project: Project, slot: str) -> str:
    """Waits until a slot that is out of routing has nothing open, up to the deadlines of [drain].

    Returns a note.
    """
    generation = project.state().generation
    note = project.proxy.wait_empty(slot, generation, project.config.drain, project.ui.progress)
    return f"{slot} {note}"


def stop(project: Project, slot: str, but: Collection[str] = ()) -> str:
    """Sends SIGTERM, waits for the grace period, then removes the containers. Nothing to stop is fine.

    `but`: the services that run on.
    """
    kept_files.take_last(project, slot)
    more = surplus(project, slot)
    members = project.config.members(slot)
    for service in project.config.slotted:
        if service not in but:
            remove(project, [member.compose for member in members if member.name == service])
    remove(project, more)
    if slot == "green":
        crossing.part(project)
    return f"{slot} is stopped"


def remove(project: Project, replicas: list[str]) -> None:
    """Stops and removes these containers, several at once: each may take all of its grace period."""
    if len(replicas) == 1:
        _remove(project, replicas[0], project.grace(replicas[0]))
        return
    graces = {name: project.grace(name) for name in replicas}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda name: _remove(project, name, graces[name]), replicas))


def _remove(project: Project, name: str, grace: float) -> None:
    start = project.clock.monotonic()
    ended: list[float] = []  # to read its log is no time that it took to stop

    def keep(container: Container) -> None:
        ended.append(project.clock.monotonic())
        keeping.keep(project, container)

    project.engine.remove(name, grace, keep)
    if (ended or [project.clock.monotonic()])[-1] - start >= grace > 0:
        project.ui.warn(overstayed(name, grace))


def surplus(project: Project, slot: str) -> list[str]:
    """The replicas that are left of a time when bgctl.toml had more of them.

    They are told by their names and images: a service that is only called so is somebody else's.
    """
    there, wanted = project.engine.containers(), project.config.compose_services
    return [
        name
        for first in first_names(project, slot)
        for name in sorted(there.keys() - set(wanted))
        if re.fullmatch(rf"{re.escape(first)}-[0-9]+", name)
        and first in there
        and _untagged(there[name]) == _untagged(there[first])
    ]


def _untagged(container: Container) -> str:
    return container.config.image.removesuffix(f":{tag(container.config.image)}")


def overstayed(name: str, grace: float) -> str:
    """The warning about a service that did not stop within its grace period, and was killed."""
    why = "it has not ended by SIGTERM; a program that is the first of its container may not even notice it"
    return f"{name} was killed after {grace:g} s: {why}; next: write init: true for it, or end on SIGTERM"


def keep_running(project: Project, now: State) -> None:
    """Has the engine restart green for as long as green has sessions, as it always restarts blue.

    Called after the routing is written, and only warns: an engine that hangs must not keep a switch or a
    rollback from its work.
    """
    wanted = has_sessions(now)
    for name in names(project, "green"):
        try:
            project.engine.keep_running(name, wanted)
        except BgctlError as error:
            if wanted:
                project.ui.warn(error.line)
