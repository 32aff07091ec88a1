"""What `bgctl deploy` is asked to do, and whether it may begin."""

from dataclasses import dataclass

from toolkit.errors import Refused
from toolkit.project import Project
from toolkit.release import promote, scope, up_green
from toolkit.release.canary import Course
from toolkit.release.drain import Watch
from toolkit.state import gate, restarting, transitions
from toolkit.state.document import State

UNUSED = ("rest", "candidate", "preview")  # phases in which no session has been sent to green


@dataclass(frozen=True)
class Plan:
    """`ask` whether to promote; `build` what can be built; `course` is that of the canary, if there is one.

    `push` says whether what is built goes to a registry; None: where the image's name begins with one.
    `back`: an older version comes back on the images with which it was proven, and nothing is migrated.
    `services` are those that it changes; none are named: all, or those with which it has begun.
    """

    version: str
    watch: Watch
    ask: bool = True
    build: bool = True
    course: Course | None = None
    push: bool | None = None
    back: bool = False
    services: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The command line that goes on with it."""
        return scope.with_services(self.release, self.services)

    @property
    def release(self) -> str:
        """The same for all services."""
        return f"bgctl {'rollback --to' if self.back else 'deploy'} {self.version}"


def check_asking(project: Project, plan: Plan) -> None:
    """Raises Refused where the operator is to be asked and cannot be."""
    if plan.ask and not project.ui.can_ask:
        why = "it asks before the old version is stopped, and there is no terminal"
        raise Refused("nobody can be asked", why, f"{plan.command} --yes")


def check(project: Project, now: State, plan: Plan) -> None:
    """Raises Refused with nothing changed, so that a fault known beforehand gives nothing to undo."""
    restarting.check_none(now)
    release, version = now.deployment, plan.version
    if release and release.new != version:
        what = f"{release.new} is under way (phase {now.phase})"
        raise Refused(what, "one release at a time", f"bgctl deploy {release.new}, or: bgctl rollback")
    promote.check_direction(now)
    if now.phase in UNUSED:
        if project.config.preview.check or plan.course:
            gate.check_open(now.gate, project.now())
        transitions.candidate(now, version, project.now())
        up_green.check_ground(project, now)
    project.env()


def at_rest_on(now: State, version: str) -> bool:
    """Whether the release of `version` has come to its end."""
    return now.phase == "rest" and now.slots.blue.version == version
