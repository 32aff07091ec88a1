"""`bgctl route`: who gets which slot. One state write, then the wait until every worker goes by it."""

import time
from collections.abc import Sequence

from toolkit import slots
from toolkit.errors import Failed, MovedOn, Refused
from toolkit.project import Project
from toolkit.release.remaining import Terms, remaining
from toolkit.release.steps import Step, preview
from toolkit.state import document as state
from toolkit.state.document import State

PATIENCE = 60.0  # seconds for another bgctl to end: a certificate may be renewed at any time
TARGETS = {
    "enable-green": state.enable_green,
    "disable-green": state.disable_green,
    "disable-blue": state.disable_blue,
}


def run(
    project: Project,
    what: str,
    percent: int | None = None,
    yes: bool = False,
    dry_run: bool = False,
    wait: float = 0,
) -> State:
    """The state that it leaves. `wait`: seconds for another bgctl to end."""
    command = what if percent is None else f"{what} {percent}"
    asked = confirm_moving(project) if what == "disable-blue" and not (yes or dry_run) else None
    with project.change(f"route {command}", dry_run, wait):
        now = project.state()
        target = goal(project, now, what, percent)
        if asked not in (None, now):
            why = "somebody has changed it while you were asked"
            raise Refused("the release has moved on", why, "bgctl status")
        if target != now:
            prove(project, now, target)
        if dry_run:
            preview([step(project, now, target)], project.ui)
        elif target == now:
            confirm(project, now)
            slots.keep_running(project, now)
            project.ui.say(f"nothing to do: {slots.describe(now)} (generation {now.generation})")
        else:
            project.ui.line("ok", "routing", switch(project, target), "green")
    return target


def take_back(project: Project, version: str, phases: Sequence[str]) -> None:
    """Nobody is sent to green any more, where the release of `version` is in one of `phases`.

    Asks nothing of blue: what is bad must not stay for that. Waits for another bgctl.
    """

    def concerns(now: State) -> bool:
        return now.deployment is not None and now.deployment.new == version and now.phase in phases

    if not concerns(project.state()):
        return
    with project.change("route disable-green", wait=PATIENCE):
        if concerns(now := project.state()):
            project.ui.line(
                "ok", "routing", switch(project, state.disable_green(now, project.now())), "green"
            )


def check_still(project: Project, before: State) -> State:
    """The state, in which routing is as it was before. Raises MovedOn."""
    now = project.state()
    if (now.phase, now.deployment, now.slots) != (before.phase, before.deployment, before.slots):
        raise moved_on(now)
    return now


def check_release(project: Project, version: str) -> None:
    """Raises MovedOn where the release of that version is over: what is there is somebody else's."""
    now = project.state()
    if now.deployment is None or now.deployment.new != version:
        raise moved_on(now)


def moved_on(now: State) -> MovedOn:
    return MovedOn("the release has moved on", slots.describe(now), "bgctl status")


def step(project: Project, now: State, target: State) -> Step:
    what = f"would write generation {target.generation}: {slots.describe(target)}"
    return Step("routing", what, lambda: switch(project, target), lambda: target != now)


def goal(project: Project, now: State, what: str, percent: int | None) -> State:
    if percent is not None:
        return state.canary(now, percent, project.now())
    return TARGETS[what](now, project.now())


def prove(project: Project, now: State, target: State) -> None:
    """Raises Refused when a slot that would get traffic it does not get now is not healthy."""
    for name in ("blue", "green"):
        before, after = now.slots[name], target.slots[name]
        more = after.state == "ready" or (after.state == "drain" and before.state == "maint")
        if more and after.version and (problem := slots.fault(project, name, after.version)):
            candidate = name == "green" and before.state == "maint"
            start = f"bgctl up-green {after.version}" if candidate else "bgctl up"
            raise Refused(f"{name} is not healthy", problem, start)


def switch(project: Project, target: State) -> str:
    """Writes and waits; returns a note with how long the proxy took. Raises Failed without its word."""
    project.save(target)
    start = time.monotonic()
    confirm(project, target)
    took = (time.monotonic() - start) * 1000
    slots.keep_running(project, target)
    return f"{slots.describe(target)}; every worker after {took:.0f} ms (generation {target.generation})"


def confirm(project: Project, target: State) -> None:
    """Raises Failed unless every worker goes by what has been written."""
    try:
        project.proxy.wait_applied(target.generation)
    except Failed as error:
        why = f"{error}; the new routing is written and holds as soon as the proxy reads it"
        raise Failed("the switch is not confirmed", why, "bgctl status") from None


def confirm_moving(project: Project) -> State:
    """Sessions that blue still has would be moved: somebody must want that. Returns the state asked about.

    Asked without the lock: a question that nobody answers must not keep a rollback out.
    """
    now = project.state()
    if state.disable_blue(now, project.now()) == now:
        return now
    left = remaining(project, now, Terms.of(project.config.drain))
    if left.empty:
        return now
    if not project.ui.confirm(f"{left}; they move to green at their next request. Go on?"):
        raise Refused("not confirmed", str(left), "bgctl drain, or: --yes")
    return now
