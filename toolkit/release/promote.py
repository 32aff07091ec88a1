"""`bgctl promote`: blue, empty by now, comes back on the new version, takes over from green, and green goes.

Each step first looks at how things are, and does only what is missing: after a crash at any point the same
command goes on from there.
"""

from contextlib import suppress

from toolkit import slots
from toolkit.engine.compose import Compose
from toolkit.errors import MovedOn, Refused
from toolkit.project import Project
from toolkit.release import moments, needs, proof_record, route, same_files
from toolkit.release.remaining import DrainTerms, remaining
from toolkit.release.steps import Step, walk
from toolkit.slots import proven
from toolkit.state import restarting, transitions
from toolkit.state.document import Deployment, State


class NotEmpty(Refused):
    """Blue still has what a drain would wait for, or whether it has is unknown."""


def run(
    project: Project, terms: DrainTerms | None = None, dry_run: bool = False, only: str | None = None
) -> None:
    """`terms` are those of the drain before it; by default those of bgctl.toml. `only` this new version."""
    terms = terms or DrainTerms.of(project.config.drain)
    if project.config.hooks.pre_promote and not dry_run:
        before(project, terms)
    with project.change("promote", dry_run):
        now = project.state()
        if only and now.deployment and now.deployment.new != only:
            why = f"it is {now.deployment.new} that is released now"
            raise MovedOn(f"{only} is not promoted", why, "bgctl status")
        release, found = check(project, now, terms)
        todo = steps(project, release, terms, found)
        if dry_run:
            return walk(todo, project.ui, dry_run)
        with same_files.brought(project):
            walk(todo, project.ui)
    project.ui.say(f"{release.new} is what everyone has; rest")
    moments.after(project, "post_promote", release)
    return None


def before(project: Project, terms: DrainTerms) -> None:
    """The hook before the old version is stopped. What is to be refused is refused later, under the lock."""
    now = project.state()
    if now.phase == "draining":
        with suppress(Refused):
            release, _ = check(project, now, terms)
            moments.before(project, "pre_promote", release.old, release.new)


def steps(project: Project, release: Deployment, terms: DrainTerms, found: Compose) -> list[Step]:
    """The runbook. One-shots, such as migrations, have run for the new version before green was started."""
    old, new = release.old, release.new
    return [
        *proof_record.hold(project, found, slots.names(project, "blue"), new),
        *needs.steps(project, found, slots.names(project, "blue"), new),
        Step(
            name="retire-blue",
            what=f"take blue ({old}) out of routing",
            do=lambda: retire_blue(project, terms),
            needed=lambda: not taken_over(project),
        ),
        Step(
            name="stop-blue",
            what=f"stop blue on {old}{_but(release)}",
            do=lambda: slots.stop(project, "blue", but=release.unchanged),
            needed=lambda: not taken_over(project) and not slots.serves(project, "blue", new),
        ),
        Step(
            name="start-blue",
            what=f"start blue on {new} and prove it",
            do=lambda: slots.start(project, "blue", new),
            undo=lambda: stop_blue_again(project),
        ),
        Step(
            name="serve-blue",
            what=f"blue serves {new}, green finishes",
            do=lambda: serve_blue(project, new),
            needed=lambda: not taken_over(project),
        ),
        *_green_goes(project),
        Step(name="record", what=f"CURRENT_VERSION={new}, rest", do=lambda: record(project, new)),
    ]


def _but(release: Deployment) -> str:
    return f", but for {', '.join(release.unchanged)}" if release.unchanged else ""


def _green_goes(project: Project) -> list[Step]:
    return [
        Step(
            name="drain-green",
            what="wait for what green has open",
            do=lambda: slots.wait_empty(project, "green"),
            needed=lambda: project.state().slots.green.state != "maint",
        ),
        Step(
            name="stop-green",
            what="take green out of routing and stop it",
            do=lambda: stop_green(project),
        ),
    ]


def check(project: Project, now: State, terms: DrainTerms) -> tuple[Deployment, Compose]:
    """Returns the release, and the compose file with blue on its new version.

    Raises Refused unless blue is empty, or was given up, and a healthy slot serves the new version.
    """
    restarting.check_none(now)
    release = now.deployment
    if release is None or now.phase not in ("draining", "promoting"):
        next = "bgctl route enable-green" if release else "bgctl up-green VERSION"
        raise Refused(f"nothing to promote in phase {now.phase}", "green does not serve everyone", next)
    project.env()  # The last step writes the env file: a broken one is refused before the first step.
    same_files.check(project)
    check_empty(project, now, terms)
    serving = "blue" if taken_over_by(now) else "green"
    if problem := slots.fault(project, serving, release.new):
        raise Refused(f"{serving} is not healthy", problem, "bgctl up, or: bgctl rollback")
    found = slots.check_slot_images(project, "blue", release.new, pull=False)
    if now.phase == "draining":
        again = f"bgctl rollback, then: bgctl deploy {release.new}"
        proven.check(project, found, slots.names(project, "blue"), release.new, again)
    return release, found


def check_direction(now: State) -> None:
    """Raises Refused when a rollback was cut short: no unattended command may turn it round."""
    if now.phase == "promoting" and transitions.going_back(now):
        why = "it was cut short, and nothing goes forward by itself"
        raise Refused("a rollback has begun", why, "bgctl rollback, or: bgctl promote")


def check_empty(project: Project, now: State, terms: DrainTerms) -> None:
    """Raises NotEmpty while a drain would wait. A blue that is out of routing already is not asked about."""
    if now.phase == "promoting" or now.slots.blue.state == "maint":
        return
    left = remaining(project, now, terms)
    if left.empty or left.overdue:
        return
    if left.unknown:
        raise NotEmpty("whether blue is empty is unknown", str(left), "bgctl up, or: bgctl doctor")
    raise NotEmpty("blue is not empty", str(left), "bgctl drain")


def taken_over(project: Project) -> bool:
    """Whether blue serves the new version already."""
    return taken_over_by(project.state())


def taken_over_by(now: State) -> bool:
    release, blue = now.deployment, now.slots.blue
    return release is not None and blue.state == "ready" and blue.version == release.new


def retire_blue(project: Project, terms: DrainTerms) -> str:
    now = project.state()
    check_empty(project, now, terms)  # Again: a user may have logged in on blue since.
    route.switch(project, transitions.retire_blue(now, project.now()))
    return slots.wait_empty(project, "blue")


def stop_blue_again(project: Project) -> None:
    """Blue does not come up on the new version: green goes on serving it, and blue stays out of routing."""
    if not taken_over(project):
        slots.stop(project, "blue", but=slots.unchanged(project))
        project.ui.warn("green serves everyone; mend it and run bgctl promote again, or bgctl rollback")


def serve_blue(project: Project, new: str) -> str:
    # Green may take an hour to finish: plain compose must not put blue back on the old version meanwhile.
    project.set_env("CURRENT_VERSION", new)
    return route.switch(project, transitions.blue_on_new(project.state(), project.now()))


def stop_green(project: Project) -> str:
    route.switch(project, transitions.retire_green(project.state(), project.now()))
    return slots.stop(project, "green")


def record(project: Project, version: str) -> str:
    project.set_env("CURRENT_VERSION", version)
    now = project.save(transitions.rest(project.state(), project.now()))
    project.proxy.wait_applied(now.generation)
    return f"generation {now.generation}: {slots.describe(now)}"
