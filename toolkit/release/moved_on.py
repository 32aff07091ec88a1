"""Whether the release is still the one that a command began with: another bgctl may have changed it."""

from toolkit import slots
from toolkit.errors import MovedOn
from toolkit.project import Project
from toolkit.state.document import State


def moved_on(now: State) -> MovedOn:
    """What a command raises that finds another release, or another routing, than it has left behind."""
    why = f"{now.slots.blue.version} is what everyone has"
    if now.deployment:
        why = f"it is {now.deployment.new} that is released now, in phase {now.phase}: {slots.describe(now)}"
    return MovedOn("the release has moved on", why, "bgctl status")


def check_release(project: Project, version: str) -> None:
    """Raises MovedOn where the release of `version` is over."""
    now = project.state()
    if now.deployment is None or now.deployment.new != version:
        raise moved_on(now)


def check_still(project: Project, before: State) -> State:
    """Returns the state. Raises MovedOn unless routing is as it was `before`."""
    now = project.state()
    if (now.phase, now.deployment, now.slots) != (before.phase, before.deployment, before.slots):
        raise moved_on(now)
    return now
