"""`bgctl down`: everything stops, from the outside in. Kept is what `bgctl up` needs to bring it back."""

from contextlib import suppress

from toolkit import slots
from toolkit.clients.session_api import Report
from toolkit.config import SLOTS
from toolkit.engine import diagnosis
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import atomic
from toolkit.project import Project
from toolkit.release.steps import Step, walk
from toolkit.terminal import humanize
from toolkit.values import stamp

NOTE = "down"  # in state/: the stack is down because an operator wanted it so


def run(project: Project, yes: bool = False, dry_run: bool = False) -> None:
    if not (yes or dry_run):
        confirm(project)
    with project.change("down", dry_run):
        walk(steps(project), project.ui, dry_run)
    if not dry_run:
        project.ui.say("volumes, keys, state and data are as they were; bgctl up brings everything back")


def steps(project: Project) -> list[Step]:
    """The runbook. The proxy stops first: new requests are refused, and the slots finish what is open.

    Raises what the engine or the compose command says, with nothing changed.
    """
    env = environment(project)
    project.engine.compose(env)
    stopped_last = [*project.config.shared, *others(project)]
    return [
        Step(
            name="note",
            what="note that it is wanted so, for drain --auto",
            do=lambda: note(project),
            needed=lambda: bool(there(project)),
        ),
        _stop(project, project.config.proxy_service, project.config.drain.request_deadline),
        *[_stop_slot(project, slot) for slot in SLOTS],
        *[_stop(project, name, project.grace(name)) for name in stopped_last],
        Step(name="networks", what="remove the networks", do=lambda: remove_networks(project, env)),
    ]


def _stop(project: Project, service: str, grace: float) -> Step:
    def stop() -> str:
        project.engine.remove(service, grace)
        return f"{service} is stopped"

    return Step(
        name=service,
        what=f"stop {service}",
        do=stop,
        needed=lambda: service in there(project),
        skipped=f"{service} does not run",
    )


def _stop_slot(project: Project, slot: str) -> Step:
    names = slots.names(project, slot)
    return Step(
        name=f"stop-{slot}",
        what=f"stop {' and '.join(names)}",
        do=lambda: slots.stop(project, slot),
        needed=lambda: not there(project).isdisjoint(names),
        skipped=f"{slot} does not run",
    )


def confirm(project: Project) -> None:
    """Raises Refused unless the operator says yes. Asked without the lock, which a rollback may need."""
    running = [each.service for each in project.engine.all() if each.state.running]
    if not running:
        return
    project.ui.say(f"stops and removes {', '.join(dict.fromkeys(running))}")
    project.ui.say(people(project))
    if not project.ui.can_ask:
        why = "it asks before anything is stopped, and there is no terminal"
        raise Refused("nobody can be asked", why, "bgctl down --yes")
    if not project.ui.confirm("Stop everything now?"):
        raise Refused("not confirmed", "everything runs on", "bgctl status")


def people(project: Project) -> str:
    """The users who would notice, in words."""
    try:
        report = project.sessions.report()
    except BgctlError as error:
        return f"who is still in is unknown: {error}"
    if report.unknown:
        return f"who is still in is unknown: {report.unknown}"
    counts = [said for version in sorted(report.versions) if (said := _people(report, version))]
    return f"still in: {'; '.join(counts)}" if counts else "nobody is in"


def _people(report: Report, version: str) -> str:
    found = report.on(version)
    if not (found.sessions or found.anonymous or found.websockets):
        return ""
    sessions, visitors = humanize.many(found.sessions, "sessions"), humanize.many(found.anonymous, "visitors")
    return f"{sessions} and {visitors} on {version}"


def note(project: Project) -> str:
    project.state_dir.mkdir(exist_ok=True)
    with suppress(atomic.NotSynced):
        atomic.write(project.state_dir / NOTE, f"{stamp(project.now())}\n".encode())
    return "drain --auto starts nothing until bgctl up"


def forget(project: Project) -> None:
    (project.state_dir / NOTE).unlink(missing_ok=True)


def is_down(project: Project) -> bool:
    """Whether `bgctl down` has stopped the stack, and it was not started again without bgctl."""
    return (
        project.state_dir / NOTE
    ).exists() and project.config.proxy_service not in project.engine.containers()


def environment(project: Project) -> dict[str, str]:
    """The variables for the compose file. Without a usable state the versions do not matter."""
    now = project.state_if_readable()
    blue = (now and now.slots.blue.version) or "none"
    return project.compose_env(blue, (now and now.slots.green.version) or blue)


def others(project: Project) -> list[str]:
    """The other services that run, such as monitoring, the last one started first: it may need the others."""
    ours = {
        project.config.proxy_service,
        *project.config.shared,
        *[name for slot in SLOTS for name in slots.names(project, slot)],
    }
    found = sorted(project.engine.all(), key=lambda each: each.created, reverse=True)
    return list(dict.fromkeys(each.service for each in found if each.service not in ours))


def there(project: Project) -> set[str]:
    return set(project.engine.containers())


def remove_networks(project: Project, env: dict[str, str]) -> str:
    try:
        project.engine.down(env)
    except Failed as error:
        raise diagnosis.of_networks(error, project.engine.name, project.config.project.name) from None
    return "nothing of it is left on the engine but its volumes"
