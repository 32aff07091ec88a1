"""`bgctl rollback`: everyone goes back to the old version, from any phase. The switch itself is one write."""

from contextlib import suppress

from toolkit import slots
from toolkit.clients.proxy import reachable
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import history
from toolkit.project import Project
from toolkit.release import moments, needs, proof_record, restart_back, route
from toolkit.release.steps import Step, walk
from toolkit.state import transitions
from toolkit.state.document import Deployment


def run(project: Project, wait: bool = True, dry_run: bool = False) -> None:
    """Without `wait` green runs on until the next rollback."""
    with project.change("rollback", dry_run):
        now = project.state()
        if now.deployment is None:
            stop_stray_green(project, dry_run)
            project.ui.say(f"nothing to roll back: {now.slots.blue.version} is at rest")
            before = version_before(project) or "VERSION"
            project.ui.say(f"for an older version: bgctl rollback --to {before}")
            return None
        if now.deployment.is_restart:
            return restart_back.run(project, wait, dry_run)
        check_env(project)
        if not slots.serves(project, "blue", now.deployment.old):
            slots.check_return(project, "blue", now.deployment.old, pull=not dry_run)
        walk(steps(project, now.deployment, wait), project.ui, dry_run)
    if dry_run:
        return None
    if wait:
        project.ui.say(f"{now.deployment.old} is what everyone has; rest")
    moments.after(project, "on_rollback", now.deployment)
    return None


def steps(project: Project, release: Deployment, wait: bool = True) -> list[Step]:
    """The runbook."""
    old, new = release.old, release.new
    go_back = [
        Step(
            name="hold-green",
            what=f"green serves {new}",
            do=lambda: hold_green(project, new),
            needed=lambda: promoted(project, release),
        ),
        Step(
            name="start-blue",
            what=f"start blue on {old}",
            do=lambda: start_blue(project, old),
            needed=lambda: not slots.serves(project, "blue", old),
        ),
        Step(name="switch", what=f"blue serves {old} to everyone", do=lambda: switch(project)),
    ]
    stop_green = [
        Step(name="drain-green", what="wait for what green has open", do=lambda: drain_green(project)),
        Step(name="stop-green", what="stop green", do=lambda: slots.stop(project, "green")),
        *proof_record.give_up(project, release),
        Step(name="record", what=f"CURRENT_VERSION={old}, rest", do=lambda: record(project, old)),
    ]
    return [*go_back, *stop_green] if wait else go_back


def stop_stray_green(project: Project, dry_run: bool) -> None:
    """At rest nothing needs green. One that an interrupted up-green has left behind is stopped."""
    try:
        stray = not slots.absent(project, "green")
        if stray and not dry_run:
            slots.stop(project, "green")
    except BgctlError as error:
        project.ui.warn(f"whether a green was left behind is unknown: {error}")
        return
    if stray:
        project.ui.say(f"green {'would be' if dry_run else 'is'} stopped: it was no part of a release")


def version_before(project: Project) -> str | None:
    """The version that the last promotion replaced."""
    entries = reversed(history.read(project.history_path))
    return next((entry.old for entry in entries if entry.what == "promote" and entry.outcome == "done"), None)


def check_env(project: Project) -> None:
    """Only warns of a broken env file, which is needed at the end: routing back matters more."""
    try:
        project.env()
    except Refused as error:
        project.ui.warn(error.line)


def promoted(project: Project, release: Deployment) -> bool:
    """Whether a promotion has put blue on the new version: then green must serve that while blue goes back.

    Also when an earlier rollback has taken blue out of routing: what it had open may still be open.
    """
    now = project.state()
    return now.phase == "promoting" and now.slots.blue.version == release.new


def hold_green(project: Project, new: str) -> str:
    start(project, "green", new)
    route.switch(project, transitions.hold_green(project.state(), project.now()))
    return slots.wait_empty(project, "blue")


def start(project: Project, slot: str, version: str) -> str:
    """Runs no migration: the old version has to live with what the new one has made of the data."""
    if not slots.serves(project, slot, version):
        needs.keep(project, slot, version)
    return slots.start(project, slot, version)


def start_blue(project: Project, old: str) -> str:
    try:
        note = start(project, "blue", old)
    except Failed as error:
        partly = slots.standing(project, "blue", old).partly
        if not partly:
            raise
        project.ui.warn(error.line)  # a replica that does not come up must not keep a rollback from its work
        note = f"blue serves {old}, with {partly}"
    # Plain compose must not put blue back on the new version. A broken env file does not stop the rollback
    # here: the last step tells it.
    with suppress(BgctlError):
        project.set_env("CURRENT_VERSION", old)
    return note


def switch(project: Project) -> str:
    """A proxy that cannot be asked does not stop the rollback: it will go by the file."""
    target = transitions.back_to_blue(project.state(), project.now())
    try:
        return route.switch(project, target)
    except Failed as error:
        if reachable(project.proxy) is not None:
            raise
        project.ui.warn(str(error))
        return f"written: {slots.describe(target)}"


def drain_green(project: Project) -> str:
    if reachable(project.proxy) is None:
        return "not waited for: the proxy does not answer"
    return slots.wait_empty(project, "green")


def record(project: Project, old: str) -> str:
    project.set_env("CURRENT_VERSION", old)
    now = project.save(transitions.rest(project.state(), project.now()))
    return f"generation {now.generation}: {slots.describe(now)}"
