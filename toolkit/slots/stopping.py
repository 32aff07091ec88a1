"""Waits until a slot is empty, stops it, and tells the engine whether to restart green."""

from toolkit.errors import BgctlError
from toolkit.project import Project
from toolkit.slots.services import has_sessions, names
from toolkit.state.document import State


def wait_empty(project: Project, slot: str) -> str:
    """Waits until a slot that is out of routing has nothing open, up to the deadlines of [drain].

    Returns a note.
    """
    generation = project.state().generation
    note = project.proxy.wait_empty(slot, generation, project.config.drain, project.ui.progress)
    return f"{slot} {note}"


def stop(project: Project, slot: str) -> str:
    """Sends SIGTERM, waits for the grace period, then removes the containers. Nothing to stop is fine."""
    for name in names(project, slot):
        grace, start = project.grace(name), project.clock.monotonic()
        project.engine.remove(name, grace)
        if project.clock.monotonic() - start >= grace > 0:
            project.ui.warn(overstayed(name, grace))
    return f"{slot} is stopped"


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
