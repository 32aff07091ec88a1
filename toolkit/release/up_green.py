"""`bgctl up-green`: the new version runs beside the old one, healthy, and nobody is sent there yet."""

from toolkit import slots
from toolkit.checks import hazards
from toolkit.engine.compose import Compose
from toolkit.errors import BgctlError, Refused
from toolkit.project import Project
from toolkit.release import depends
from toolkit.release.steps import Step, always, walk
from toolkit.rendering import reload
from toolkit.state import transitions
from toolkit.state.document import State


def run(project: Project, version: str | None, dry_run: bool = False) -> None:
    version = version or from_env(project)
    with project.change(f"up-green {version}", dry_run):
        now = project.state()
        check_serving(project, now, version)
        target = transitions.candidate(now, version, project.now())
        found = check(project, now, version, pull=not dry_run)
        if not dry_run:
            depends.note(project, found)
        if target == now and not dry_run and not slots.fault(project, "green", version):
            project.set_env("VERSION", version)
            project.ui.say(f"green runs {version} already and is healthy")
            return
        walk(steps(project, target, version, found), project.ui, dry_run)


def steps(project: Project, target: State, version: str, found: Compose) -> list[Step]:
    return [
        *depends.steps(project, found, slots.names(project, "green"), version, once=always),
        Step(
            "start-green",
            f"start green on {version} and prove it",
            lambda: start(project, version),
            undo=lambda: slots.stop(project, "green"),
        ),
        Step("record", "note the candidate", lambda: record(project, target, version)),
    ]


def start(project: Project, version: str) -> str:
    """Also tells what is odd, such as idle connections that close too early, and no reason to stop."""
    note = slots.start(project, "green", version)
    watch = slots.watch_idle(project, ["green"], believe=True)
    for advice in [*slots.contradictions(project, "green", version), *watch.wait()]:
        project.ui.warn(advice)
    return note


def record(project: Project, target: State, version: str) -> str:
    # The env file first: if this is cut short, `bgctl up-green` without a version goes on with the same one.
    project.set_env("VERSION", version)
    project.save(target)
    return f"generation {target.generation}: {slots.describe(target)}"


def check_serving(project: Project, now: State, version: str) -> None:
    """Raises Refused where green has this version's sessions already, and is down: no candidate any more."""
    serving = slots.has_sessions(now) and now.slots.green.version == version
    if serving and (problem := slots.fault(project, "green", version)):
        raise Refused(f"green serves {version} already, and is down", problem, "bgctl up")


def check(project: Project, now: State, version: str, pull: bool) -> Compose:
    """The compose file. Raises Refused with nothing changed."""
    check_ground(project, now)
    found = slots.check_slot_images(project, "green", version, pull)
    green, paths = slots.names(project, "green"), project.compose_files
    for clash in hazards.names(project.config, found, paths):
        raise clash
    for loss in hazards.lost_data(project.engine, found, green, paths):
        project.ui.warn(loss.line)
    depends.check(project, found, green, version, pull)
    return found


def check_ground(project: Project, now: State) -> None:
    """All that a candidate needs but its images. Raises Refused."""
    project.env()
    try:
        project.proxy.status()
    except BgctlError as error:
        raise Refused("the proxy does not answer", error.why, "bgctl up") from None
    reload.check_peers(project)
    blue = transitions.serving_version(now, "blue")
    if problem := slots.fault(project, "blue", blue):
        raise Refused("blue is not healthy", problem, "bgctl up")
    for name, _, address in slots.members(project, "green"):
        slots.check_port(project, name, address)


def from_env(project: Project) -> str:
    if version := project.env().get("VERSION"):
        return version
    raise Refused(
        f"{project.env_path.name} has no VERSION", "there is nothing to start", "bgctl up-green VERSION"
    )
