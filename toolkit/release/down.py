"""`bgctl down`: everything stops, from the outside in; what is kept is all that `bgctl up` needs."""

from contextlib import suppress

from toolkit import slots
from toolkit.clients.session_api import Report
from toolkit.config import SLOTS
from toolkit.errors import BgctlError, Refused
from toolkit.files import atomic
from toolkit.project import Project
from toolkit.release.steps import Step, walk
from toolkit.state.document import State
from toolkit.values import stamp

NOTE = "down"  # in state/, from the moment on at which somebody wanted it so


def run(project: Project, yes: bool = False, dry_run: bool = False) -> None:
    if not (yes or dry_run):
        confirm(project)
    with project.change("down", dry_run):
        walk(steps(project), project.ui, dry_run)
    if not dry_run:
        project.ui.say("volumes, keys, state and data are as they were; bgctl up brings everything back")


def steps(project: Project) -> list[Step]:
    """The proxy first: newcomers are refused at once, and what is open is finished by slots that are there.

    Checks first: raises what the engine or the compose command says, with nothing changed.
    """
    env = environment(project)
    project.engine.compose(env)
    shared = [*project.config.shared]
    rest = others(project)
    return [
        Step(
            "note",
            "note that it is wanted so, for drain --auto",
            lambda: note(project),
            lambda: bool(there(project)),
        ),
        _stop(project, "proxy", "proxy", project.config.drain.request_deadline),
        *[_stop_slot(project, slot) for slot in SLOTS],
        *[_stop(project, name, name, project.grace(name)) for name in shared],
        *[_stop(project, name, name, project.grace(name)) for name in rest],
        Step("networks", "remove the networks", lambda: remove_networks(project, env)),
    ]


def confirm(project: Project) -> None:
    """Raises Refused unless somebody says yes. Asked without the lock, which a rollback may need."""
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
    """Who would notice."""
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
    return f"{found.sessions} sessions and {found.anonymous} visitors on {version}"


def note(project: Project) -> str:
    project.state_dir.mkdir(exist_ok=True)
    with suppress(atomic.NotSynced):
        atomic.write(project.state_dir / NOTE, f"{stamp(project.now())}\n".encode())
    return "drain --auto starts nothing until bgctl up"


def forget(project: Project) -> None:
    (project.state_dir / NOTE).unlink(missing_ok=True)


def is_down(project: Project) -> bool:
    """Whether somebody wants it so. A stack that was started again without us is not down."""
    return (project.state_dir / NOTE).exists() and "proxy" not in project.engine.containers()


def environment(project: Project) -> dict[str, str]:
    """What the compose file is interpolated with; without a usable state, nothing depends on the versions."""
    now: State | None = None
    with suppress(BgctlError):
        now = project.state()
    blue = (now and now.slots.blue.version) or "none"
    return project.compose_env(blue, (now and now.slots.green.version) or blue)


def others(project: Project) -> list[str]:
    """What runs besides: dependencies, monitoring. What came last goes first: it may need the others."""
    ours = {
        "proxy",
        *project.config.shared,
        *[name for slot in SLOTS for name in slots.names(project, slot)],
    }
    found = sorted(project.engine.all(), key=lambda each: each.created, reverse=True)
    return list(dict.fromkeys(each.service for each in found if each.service not in ours))


def there(project: Project) -> set[str]:
    return set(project.engine.containers())


def remove_networks(project: Project, env: dict[str, str]) -> str:
    project.engine.down(env)
    return "nothing of it is left on the engine but its volumes"


def _stop_slot(project: Project, slot: str) -> Step:
    names = slots.names(project, slot)
    return Step(
        f"stop-{slot}",
        f"stop {' and '.join(names)}",
        lambda: slots.stop(project, slot),
        lambda: not there(project).isdisjoint(names),
        otherwise=f"{slot} does not run",
    )


def _stop(project: Project, name: str, service: str, grace: float) -> Step:
    def stop() -> str:
        project.engine.remove(service, grace)
        return f"{service} is stopped"

    return Step(
        name, f"stop {service}", stop, lambda: service in there(project), otherwise=f"{service} does not run"
    )
