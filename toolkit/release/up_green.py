"""`bgctl up-green`: the new version runs beside the old one, healthy, and no session is sent there yet."""

from toolkit import slots
from toolkit.checks import hazards
from toolkit.engine.compose import Compose
from toolkit.errors import BgctlError, Refused
from toolkit.project import Project
from toolkit.release import clocks, moments, needs, proof_record, same_files, scope
from toolkit.release.steps import Step, always, walk
from toolkit.rendering import reload
from toolkit.state import transitions
from toolkit.state.document import State


def run(project: Project, version: str | None, dry_run: bool = False, back: bool = False) -> None:
    """`back`: an older version is brought back. It starts on the images with which it was proven then."""
    version = version or from_env(project)
    with project.change(f"up-green {version}", dry_run):
        now = project.state()
        check_serving(project, now, version)
        target = transitions.candidate(now, version, project.now(), slots.unchanged(project))
        anew = now.phase == "rest" and not back
        found = check(project, now, version, not dry_run, anew)
        if not dry_run:
            needs.note(project, found)
            if now.phase == "rest":
                proof_record.mark(project, version, returned=back)
        if target == now and not dry_run and not slots.fault(project, "green", version):
            project.set_env("VERSION", version)
            project.ui.say(f"green runs {version} already and is healthy")
            return None
        todo = steps(project, target, version, found, anew)
        if dry_run:
            return walk(todo, project.ui, dry_run)
        with same_files.brought(project):
            walk(todo, project.ui)
    if target.deployment:
        moments.after(project, "post_up_green", target.deployment)
    return None


def steps(project: Project, target: State, version: str, found: Compose, anew: bool) -> list[Step]:
    """The runbook: what green depends on is started, and data is migrated, before green itself."""
    green = slots.names(project, "green")
    blues = {*slots.names(project, "blue"), *slots.names_of_all(project, "green")} - {*green}
    others = found.services.keys() - blues  # one-shots among them
    held = [] if anew else proof_record.hold(project, found, sorted(others), version)
    return [
        *held,
        *needs.steps(project, found, green, version, once=always),
        Step(
            name="start-green",
            what=f"start green on {version} and prove it{scope.told(project)}",
            do=lambda: start(project, version, anew),
            undo=lambda: slots.stop(project, "green"),
        ),
        Step(name="record", what="note the candidate", do=lambda: record(project, target, version)),
    ]


def from_env(project: Project) -> str:
    """The version that the env file names. Raises Refused."""
    if version := project.env().get("VERSION"):
        return version
    raise Refused(
        f"{project.env_path.name} has no VERSION", "there is nothing to start", "bgctl up-green VERSION"
    )


def check_serving(project: Project, now: State, version: str) -> None:
    """Raises Refused where green has sessions on this version and is down: then it is not a candidate."""
    serving = slots.has_sessions(now) and now.slots.green.version == version
    if serving and (problem := slots.fault(project, "green", version)):
        raise Refused(f"green serves {version} already, and is down", problem, "bgctl up")


def check(project: Project, now: State, version: str, pull: bool, anew: bool = False) -> Compose:
    """Returns the compose file. Raises Refused with nothing changed."""
    check_ground(project, now)
    with project.engine.still():
        return check_start(project, version, pull, anew)


def check_start(project: Project, version: str, pull: bool, anew: bool = False) -> Compose:
    """As `check`, of what green is made of and depends on."""
    scope.check(project, version)
    found = slots.check_slot_images(project, "green", version, pull, anew)
    green, paths = slots.names(project, "green"), project.compose_files
    for clash in hazards.names(project.config, found, paths):
        raise clash
    for loss in hazards.lost_data(project.engine, found, green, paths):
        project.ui.warn(loss.line)
    needs.check(project, found, green, version, pull)
    return found


def check_ground(project: Project, now: State) -> None:
    """Raises Refused where a candidate could not start, whatever its images are."""
    project.env()
    same_files.check(project)
    clocks.check(project)
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


def start(project: Project, version: str, anew: bool = False) -> str:
    """Also warns of oddities that do not stop a release, such as idle connections that close too early."""
    note = slots.start(project, "green", version, anew)
    watch = slots.watch_idle(project, ["green"], believe=True)
    for advice in [*slots.contradictions(project, "green", version), *watch.wait()]:
        project.ui.warn(advice)
    return note


def record(project: Project, target: State, version: str) -> str:
    proof_record.note(project, "green", version, target.generation)
    # The env file first: if this is cut short, `bgctl up-green` without a version goes on with the same one.
    project.set_env("VERSION", version)
    project.save(target)
    return f"generation {target.generation}: {slots.describe(target)}"
