"""Which slots and services `bgctl up` has to bring back, by the state."""

from collections.abc import Sequence

from toolkit import slots
from toolkit.checks import env_versions, preflight
from toolkit.config import SLOTS
from toolkit.project import Project
from toolkit.state.document import State

UNPROVEN = ("preview", "canary")  # phases in which green has yet to prove itself


def open_slots(target: State, names: Sequence[str] = SLOTS) -> dict[str, str]:
    """The slots that are routed to, with their versions."""
    found = {name: target.slots[name] for name in names}
    return {name: slot.version for name, slot in found.items() if slot.version and slot.state != "maint"}


def in_service(target: State) -> dict[str, str]:
    """The slots without which people are not served, with their versions."""
    return open_slots(target, SLOTS if target.phase not in UNPROVEN else ("blue",))


def unproven(target: State) -> dict[str, str]:
    """A green that must not keep the other services from coming back, with its version."""
    return open_slots(target, ("green",)) if target.phase in UNPROVEN else {}


def versions(project: Project, target: State | None) -> tuple[str, str]:
    """The versions of blue and green. `target` is the state; None: nothing has been started yet."""
    if target is None:
        current = env_versions.current(project)
        return current, current
    blue = target.slots.blue.version or ""
    return blue, target.slots.green.version or blue


def services(project: Project, target: State | None) -> list[str]:
    """The services that have to be able to start. Shared services must not keep the others from it."""
    if target is None:
        return preflight.all_services(project)
    return [
        project.config.proxy_service,
        *[name for slot in in_service(target) for name in slots.names(project, slot)],
        *([] if "blue" in in_service(target) else slots.unchanged_names(project)),
    ]
