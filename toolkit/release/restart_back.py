"""Takes a restart back: blue serves everybody again, and green goes.

Before blue is stopped, its container has the old settings, and serves on as it is. Afterwards nobody knows
them any more: blue is started with those that the files say today.
"""

from toolkit import slots
from toolkit.errors import BgctlError
from toolkit.project import Project
from toolkit.release import needs, proof_record, route
from toolkit.release.steps import Step, walk
from toolkit.slots import proven
from toolkit.state import restarting, transitions

LOST = "what blue had before is gone: put it back into your files, then: bgctl restart"


def run(project: Project, wait: bool = True, dry_run: bool = False) -> None:
    """Without `wait` green runs on until the next rollback."""
    version = transitions.serving_version(project.state(), "blue")
    kept = not restarting.reached(project.state(), "start-blue")
    walk(steps(project, version, wait), project.ui, dry_run)
    if dry_run:
        return
    if not kept:
        project.ui.warn(f"{version} runs with the settings of today; {LOST}")
    if wait:
        project.ui.say(f"{version} is what everyone has; rest")


def steps(project: Project, version: str, wait: bool = True) -> list[Step]:
    """The runbook."""
    back = [
        Step(
            name="start-blue",
            what=f"start blue on {version}",
            do=lambda: start_blue(project, version),
            needed=lambda: not slots.serves(project, "blue", version),
            skipped=f"blue runs {version}",
        ),
        Step(
            name="serve-blue",
            what=f"blue serves {version}, green finishes",
            do=lambda: route.switch(project, restarting.keep_blue(project.state(), project.now())),
            needed=lambda: project.state().slots.green.state != "maint",
        ),
    ]
    green_goes = [
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
        Step(name="record", what="rest", do=lambda: take_back(project, version)),
    ]
    return [*back, *green_goes] if wait else back


def start_blue(project: Project, version: str) -> str:
    needs.keep(project, "blue", version)
    return slots.start(project, "blue", version)


def stop_green(project: Project) -> str:
    route.switch(project, restarting.retire_green(project.state(), project.now()))
    return slots.stop(project, "green")


def record(project: Project) -> str:
    now = project.save(transitions.rest(project.state(), project.now()))
    project.proxy.wait_applied(now.generation)
    return f"generation {now.generation}: {slots.describe(now)}"


def take_back(project: Project, version: str) -> str:
    note_blue(project, version)
    return record(project)


def note_blue(project: Project, version: str) -> None:
    """What blue runs is what the version is, whatever was built for it meanwhile. Only warns of a failure."""
    try:
        if proven.known(project).of(version):
            proof_record.note(project, "blue", version, project.state().generation)
    except BgctlError as error:
        project.ui.warn(f"with which images {version} runs is not noted: {error.line}")
    give_names_back(project, version)


def give_names_back(project: Project, version: str) -> None:
    """After a build that was in vain. Only warns: a slot gets its names back when it starts, too."""
    try:
        found = project.read_compose(project.env_of(version))
        both = [*slots.names(project, "blue"), *slots.names(project, "green")]
        proven.hold(project, found, both, version)
    except BgctlError as error:
        project.ui.warn(error.line)
