"""`bgctl promote`: blue, empty now, comes back on the new version, takes over from green, and green goes.

Each step looks at how things are and does only what is missing: run it again after a crash at any point.
"""

from toolkit import slots
from toolkit.engine.compose import Compose
from toolkit.errors import Refused
from toolkit.project import Project
from toolkit.release import depends, route
from toolkit.release.remaining import Terms, remaining
from toolkit.release.steps import Step, walk
from toolkit.state import transitions
from toolkit.state.document import Deployment, State


class NotEmpty(Refused):
    """Blue has somebody whom a drain would wait for, or nobody knows."""


def run(project: Project, terms: Terms | None = None, dry_run: bool = False, only: str | None = None) -> None:
    """`terms` are those of the drain before it; without, as bgctl.toml has them. `only` this new version."""
    terms = terms or Terms.of(project.config.drain)
    with project.change("promote", dry_run):
        now = project.state()
        if only and now.deployment and now.deployment.new != only:
            why = f"it is {now.deployment.new} that is released now"
            raise Refused(f"{only} is not promoted", why, "bgctl status")
        release, found = check(project, now, terms)
        walk(steps(project, release, terms, found), project.ui, dry_run)
    if not dry_run:
        project.ui.say(f"{release.new} is what everyone has; rest")


def steps(project: Project, release: Deployment, terms: Terms, found: Compose) -> list[Step]:
    """One-shots have run for the new version, before green."""
    old, new = release.old, release.new
    return [
        *depends.steps(project, found, slots.names(project, "blue"), new),
        Step(
            "retire-blue",
            f"take blue ({old}) out of routing",
            lambda: retire_blue(project, terms),
            lambda: not taken_over(project),
        ),
        Step(
            "stop-blue",
            f"stop blue on {old}",
            lambda: slots.stop(project, "blue"),
            lambda: not taken_over(project) and not slots.serves(project, "blue", new),
        ),
        Step(
            "start-blue",
            f"start blue on {new} and prove it",
            lambda: slots.start(project, "blue", new),
            undo=lambda: undo_start(project),
        ),
        Step(
            "serve-blue",
            f"blue serves {new}, green finishes",
            lambda: serve_blue(project, new),
            lambda: not taken_over(project),
        ),
        Step(
            "drain-green",
            "wait for what green has open",
            lambda: drain_green(project),
            lambda: green_drains(project),
        ),
        Step("stop-green", "take green out of routing and stop it", lambda: stop_green(project)),
        Step("record", f"CURRENT_VERSION={new}, rest", lambda: record(project, new)),
    ]


def check(project: Project, now: State, terms: Terms) -> tuple[Deployment, Compose]:
    """The release, and the compose file with blue on its new version.

    Raises Refused unless blue is empty, or was given up, and somebody healthy serves the new version.
    """
    release = now.deployment
    if release is None or now.phase not in ("draining", "promoting"):
        next = "bgctl route enable-green" if release else "bgctl up-green VERSION"
        raise Refused(f"nothing to promote in phase {now.phase}", "green does not serve everyone", next)
    project.env()  # the last step writes it: refused now, or not at all
    check_empty(project, now, terms)
    serving = "blue" if taken_over_by(now) else "green"
    if problem := slots.fault(project, serving, release.new):
        raise Refused(f"{serving} is not healthy", problem, "bgctl up, or: bgctl rollback")
    return release, slots.check_slot_images(project, "blue", release.new, pull=False)


def check_direction(now: State) -> None:
    """For who promotes unasked. Raises Refused when a rollback was cut short: somebody wants to go back."""
    if now.phase == "promoting" and transitions.going_back(now):
        why = "it was cut short, and nothing goes forward by itself"
        raise Refused("a rollback has begun", why, "bgctl rollback, or: bgctl promote")


def check_empty(project: Project, now: State, terms: Terms) -> None:
    """Raises NotEmpty while a drain would wait; what disable-blue or an earlier try has taken out may go."""
    if now.phase == "promoting" or now.slots.blue.state == "maint":
        return
    left = remaining(project, now, terms)
    if left.empty or left.overdue:
        return
    if left.unknown:
        raise NotEmpty("whether blue is empty is unknown", str(left), "bgctl up, or: bgctl doctor")
    raise NotEmpty("blue is not empty", str(left), "bgctl drain")


def taken_over_by(now: State) -> bool:
    """Whether blue serves the new version already."""
    release, blue = now.deployment, now.slots.blue
    return release is not None and blue.state == "ready" and blue.version == release.new


def taken_over(project: Project) -> bool:
    return taken_over_by(project.state())


def green_drains(project: Project) -> bool:
    return project.state().slots.green.state != "maint"


def retire_blue(project: Project, terms: Terms) -> str:
    now = project.state()
    check_empty(project, now, terms)  # again: somebody may have logged in on blue since
    route.switch(project, transitions.retire_blue(now, project.now()))
    return slots.wait_empty(project, "blue")


def undo_start(project: Project) -> None:
    """Blue does not come up on the new version: green goes on serving it, and blue stays out of routing."""
    if not taken_over(project):
        slots.stop(project, "blue")
        project.ui.warn("green serves everyone; mend it and run bgctl promote again, or bgctl rollback")


def serve_blue(project: Project, new: str) -> str:
    # Green may take an hour to finish: plain compose must not put blue back on the old version meanwhile.
    project.set_env("CURRENT_VERSION", new)
    return route.switch(project, transitions.blue_on_new(project.state(), project.now()))


def drain_green(project: Project) -> str:
    return slots.wait_empty(project, "green")


def stop_green(project: Project) -> str:
    route.switch(project, transitions.retire_green(project.state(), project.now()))
    return slots.stop(project, "green")


def record(project: Project, version: str) -> str:
    project.set_env("CURRENT_VERSION", version)
    now = project.save(transitions.rest(project.state(), project.now()))
    project.proxy.wait_applied(now.generation)
    return f"generation {now.generation}: {slots.describe(now)}"
