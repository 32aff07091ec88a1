"""`bgctl rollback`: everyone back on the old version, from any phase; the switch itself is one write."""

from contextlib import suppress

from toolkit import slots
from toolkit.clients.proxy import reachable
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import history
from toolkit.project import Project
from toolkit.release import depends, route
from toolkit.release.steps import Step, walk
from toolkit.state import transitions
from toolkit.state.document import Deployment


def run(project: Project, wait: bool = True, dry_run: bool = False) -> None:
    with project.change("rollback", dry_run):
        now = project.state()
        if now.deployment is None:
            tidy(project, dry_run)
            project.ui.say(f"nothing to roll back: {now.slots.blue.version} is at rest")
            project.ui.say(f"for an older version: bgctl up-green {_before(project) or 'VERSION'}")
            return
        check_env(project)
        if not slots.serves(project, "blue", now.deployment.old):
            slots.check_return(project, "blue", now.deployment.old, pull=not dry_run)
        walk(steps(project, now.deployment, wait), project.ui, dry_run)
    if wait and not dry_run:
        project.ui.say(f"{now.deployment.old} is what everyone has; rest")


def steps(project: Project, release: Deployment, wait: bool = True) -> list[Step]:
    old, new = release.old, release.new
    steps = [
        Step(
            "hold-green",
            f"green serves {new}",
            lambda: hold(project, new),
            lambda: promoted(project, release),
        ),
        Step(
            "start-blue",
            f"start blue on {old}",
            lambda: start_blue(project, old),
            lambda: not slots.serves(project, "blue", old),
        ),
        Step("switch", f"blue serves {old} to everyone", lambda: switch(project)),
    ]
    if not wait:
        return steps
    return [
        *steps,
        Step("drain-green", "wait for what green has open", lambda: drain_green(project)),
        Step("stop-green", "stop green", lambda: slots.stop(project, "green")),
        Step("record", f"CURRENT_VERSION={old}, rest", lambda: record(project, old)),
    ]


def check_env(project: Project) -> None:
    """Routing back matters more than the env file, which is needed only at the end."""
    try:
        project.env()
    except Refused as error:
        project.ui.warn(error.line)


def promoted(project: Project, release: Deployment) -> bool:
    """A promotion has put blue on the new version: somebody must serve that while blue goes back.

    Also when an earlier rollback has taken blue out of routing: what it had open may still be open.
    """
    now = project.state()
    return now.phase == "promoting" and now.slots.blue.version == release.new


def start(project: Project, slot: str, version: str) -> str:
    """Nothing is migrated back: what the new version has made of the data, the old one has to live with."""
    if not slots.serves(project, slot, version):
        depends.keep(project, slot, version)
    return slots.start(project, slot, version)


def hold(project: Project, new: str) -> str:
    start(project, "green", new)
    route.switch(project, transitions.hold_green(project.state(), project.now()))
    return slots.wait_empty(project, "blue")


def start_blue(project: Project, old: str) -> str:
    note = start(project, "blue", old)
    with suppress(BgctlError):  # an env file that is broken keeps no rollback out: the last step tells it
        project.set_env("CURRENT_VERSION", old)  # or plain compose would put blue back on the new version
    return note


def switch(project: Project) -> str:
    """A proxy that cannot be asked is no reason to stop here: the file is what it will go by."""
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


def tidy(project: Project, dry_run: bool) -> None:
    """At rest nothing needs green: one that an up-green left behind goes."""
    try:
        stray = not slots.absent(project, "green")
        if stray and not dry_run:
            slots.stop(project, "green")
    except BgctlError as error:
        project.ui.warn(f"whether a green was left behind is unknown: {error}")
        return
    if stray:
        project.ui.say(f"green {'would be' if dry_run else 'is'} stopped: it was no part of a release")


def _before(project: Project) -> str | None:
    """The version that the last promotion replaced."""
    entries = reversed(history.read(project.history_path))
    return next((entry.old for entry in entries if entry.what == "promote" and entry.outcome == "done"), None)


def record(project: Project, old: str) -> str:
    project.set_env("CURRENT_VERSION", old)
    now = project.save(transitions.rest(project.state(), project.now()))
    return f"generation {now.generation}: {slots.describe(now)}"
