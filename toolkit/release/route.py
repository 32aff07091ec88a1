"""`bgctl route`: says which slot new sessions get. It writes the state and waits for every worker."""

from collections.abc import Sequence
from contextlib import suppress

from toolkit import slots
from toolkit.errors import Failed, MovedOn, Refused
from toolkit.project import Project
from toolkit.release import moments
from toolkit.release.remaining import DrainTerms, remaining
from toolkit.release.steps import Step, show_plan
from toolkit.state import transitions
from toolkit.state.document import State

PATIENCE = 60.0  # seconds for another bgctl to end: a certificate may be renewed at any time
KNOWN = 10.0  # seconds for every node to hear of the candidate
TARGETS = {
    "enable-green": transitions.enable_green,
    "disable-green": transitions.disable_green,
    "disable-blue": transitions.disable_blue,
}


def run(
    project: Project,
    what: str,
    percent: int | None = None,
    yes: bool = False,
    dry_run: bool = False,
    wait: float = 0,
) -> State:
    """Returns the state that it leaves. `wait`: seconds for another bgctl to end."""
    command = what if percent is None else f"{what} {percent}"
    asked = confirm_moving(project) if what == "disable-blue" and not (yes or dry_run) else None
    if project.config.hooks.pre_switch and not dry_run:
        before_first(project, what, percent)
    with project.change(f"route {command}", dry_run, wait):
        now = project.state()
        target = goal(project, now, what, percent)
        if asked not in (None, now):
            why = "somebody has changed it while you were asked"
            raise MovedOn("the release has moved on", why, "bgctl status")
        if target != now:
            prove(project, now, target)
        if is_first(now, target) and not dry_run:
            check_known(project, now)
        if dry_run:
            show_plan([step(project, now, target)], project.ui)
        elif target == now:
            confirm(project, now)
            slots.keep_running(project, now)
            project.ui.say(f"nothing to do: {slots.describe(now)} (generation {now.generation})")
        else:
            project.ui.line("ok", "routing", switch(project, target), "green")
    if target.deployment and target.phase == "draining" != now.phase and not dry_run:
        moments.after(project, "post_switch", target.deployment)
    return target


def before_first(project: Project, what: str, percent: int | None) -> None:
    """The hook before new sessions get green for the first time. What is to be refused is refused later."""
    now = project.state()
    with suppress(Refused):
        target = goal(project, now, what, percent)
        if is_first(now, target) and now.deployment:
            moments.before(project, "pre_switch", now.deployment.old, now.deployment.new)


def is_first(now: State, target: State) -> bool:
    """Whether green gets its first sessions."""
    return now.phase in ("candidate", "preview") and target.phase in ("canary", "draining")


def check_known(project: Project, now: State) -> None:
    """Raises Refused where a node does not know the candidate yet: it would give green's sessions to blue.

    One that knows it serves them, even where it has not heard of the switch (decision record 98).
    """
    if not (project.config.project.engine.several_hosts and now.deployment):
        return
    try:
        project.proxy.wait_applied(now.generation, KNOWN)
    except Failed as error:
        what = f"not every node knows of {now.deployment.new} yet"
        raise Refused(what, f"{error}; nobody is sent there", "bgctl status") from None


def take_back(project: Project, version: str, phases: Sequence[str]) -> None:
    """Takes green out of routing, where the release of `version` is in one of `phases`.

    Does not ask whether blue is healthy: a bad green must not stay for that. Waits for another bgctl.
    """

    def concerns(now: State) -> bool:
        return now.deployment is not None and now.deployment.new == version and now.phase in phases

    if not concerns(project.state()):
        return
    with project.change("route disable-green", wait=PATIENCE):
        if concerns(now := project.state()):
            project.ui.line(
                "ok", "routing", switch(project, transitions.disable_green(now, project.now())), "green"
            )


def step(project: Project, now: State, target: State) -> Step:
    what = f"would write generation {target.generation}: {slots.describe(target)}"
    return Step(name="routing", what=what, do=lambda: switch(project, target), needed=lambda: target != now)


def goal(project: Project, now: State, what: str, percent: int | None) -> State:
    if percent is not None:
        return transitions.canary(now, percent, project.now())
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
    """Writes the state and waits for the proxy. Returns a note. Raises Failed where it is not confirmed."""
    project.save(target)
    start = project.clock.monotonic()
    confirm(project, target)
    took = (project.clock.monotonic() - start) * 1000
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
    """Asks whether the sessions that blue still has may be moved. Returns the state asked about.

    Asked without the lock: a question that is left unanswered must not keep a rollback out.
    """
    now = project.state()
    if transitions.disable_blue(now, project.now()) == now:
        return now
    left = remaining(project, now, DrainTerms.of(project.config.drain))
    if left.empty:
        return now
    if not project.ui.confirm(f"{left}; they move to green at their next request. Go on?"):
        raise Refused("not confirmed", str(left), "bgctl drain, or: --yes")
    return now
