"""What runs today finishes what it has open, and then is stopped and removed. Its volumes stay."""

from collections.abc import Callable, Iterable

from toolkit import slots
from toolkit.adopt.holders import Holder
from toolkit.engine import unit
from toolkit.engine.container import Container
from toolkit.engine.engine import REMOVE
from toolkit.project import Project
from toolkit.terminal import humanize

LOOK = 0.25  # seconds between two looks at what is open
QUIET = 3  # looks in a row that find nothing: a connection may be in the middle of its first packets


def wait_empty(project: Project, holders: Iterable[Holder], deadline: float) -> str:
    """Waits until nothing is open on the holders of the port, at most `deadline` seconds. Returns a note."""
    quiet = 0
    for now in project.clock.every(LOOK, within=deadline):
        left = {each.name: each.open() for each in holders}
        quiet = quiet + 1 if not any(left.values()) else 0
        if quiet == QUIET:
            return "nothing is open there any more"
        if any(left.values()):
            rest = humanize.span(max(0, deadline - now))
            project.ui.progress(f"{describe(left)} open; they are waited for, {rest} at the most")
    return f"{describe(left)} still open at the deadline: ended by SIGTERM" if any(left.values()) else "done"


def describe(left: dict[str, int]) -> str:
    """ "web has 3 connections" """
    return ", ".join(f"{name} has {count} connections" for name, count in left.items() if count)


def stop(project: Project, containers: Iterable[Container], first: Callable[[Container], bool]) -> str:
    """Stops containers with their grace periods, those first that people come to."""
    running = {each.id for each in project.engine.all() if each.state.running}
    told = []
    for each in sorted(containers, key=lambda each: not first(each)):
        if each.id not in running:
            continue
        grace, start = project.grace(each.service), project.clock.monotonic()
        stop_one(project, each, grace)
        if project.clock.monotonic() - start >= grace > 0:
            project.ui.warn(slots.overstayed(each.service, grace))
        told.append(each.service)
    return f"stopped {', '.join(dict.fromkeys(told))}" if told else "they are stopped"


def stop_one(project: Project, container: Container, grace: float) -> None:
    """Stops a container (SIGTERM, then `grace` seconds), which stays."""
    unit.run([project.engine.commands.stop(container.id, grace)], grace + REMOVE)


def remove(project: Project, ids: Iterable[str]) -> str:
    """Removes what is stopped: `restart: always` would have it take the port after a reboot."""
    there = {each.id: each for each in project.engine.all()}
    gone = [there[each] for each in ids if each in there]
    for each in gone:
        project.engine.remove_one(each, project.grace(each.service))
    names = ", ".join(dict.fromkeys(each.service for each in gone))
    return f"removed {names}; their volumes are there" if names else "they are removed"
