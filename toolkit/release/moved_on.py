"""Whether the release is still the one that a command began with: another bgctl may have changed it."""

from toolkit import slots
from toolkit.errors import MovedOn
from toolkit.project import Project
from toolkit.state.document import Deployment, State


def moved_on(now: State) -> MovedOn:
    """What a command raises that finds another release, or another routing, than it has left behind."""
    why = f"{now.slots.blue.version} is what everyone has"
    if now.deployment:
        why = f"it is {now.deployment.new} that is released now, in phase {now.phase}: {slots.describe(now)}"
    return MovedOn("the release has moved on", why, "bgctl status")


def over(now: State, release: Deployment) -> MovedOn:
    """What a wait raises whose release no longer drains; mostly somebody has taken it back."""
    same = now.deployment is None or now.deployment.new == release.new
    if same and now.phase in ("candidate", "rest") and now.slots.blue.version == release.old:
        why = f"another bgctl did that while this one waited, and new sessions get {release.old} again"
        return MovedOn(f"the release of {release.new} was taken back", why, "bgctl history")
    return moved_on(now)


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
