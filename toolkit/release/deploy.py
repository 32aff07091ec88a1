"""`bgctl deploy`: the whole release. Each step looks at how things are: run it again after a crash anywhere.

Up to the switch a failure takes everything back. After it nothing is taken back unasked: people are on green.
"""

from dataclasses import dataclass

from toolkit import slots
from toolkit.errors import Failed, MovedOn, NotYet, Refused
from toolkit.project import Project
from toolkit.release import canary, drain, promote, rollback, route, up_green
from toolkit.release import preview as previews
from toolkit.release.canary import Course
from toolkit.release.drain import Watch
from toolkit.release.images import Images
from toolkit.release.steps import Step, preview, walk
from toolkit.state import gate, transitions
from toolkit.state.document import State

UNUSED = ("rest", "candidate", "preview")  # phases in which nobody has been sent to green


@dataclass(frozen=True)
class Plan:
    """`ask` before the promotion; `build` what can be built; `course` of a canary, if there is one.

    `push` what is built, or do not; None: where its name says to which registry.
    """

    version: str
    watch: Watch
    ask: bool = True
    build: bool = True
    course: Course | None = None
    push: bool | None = None


def run(project: Project, plan: Plan, dry_run: bool = False) -> None:
    now = project.state()
    if not dry_run:
        check_asking(project, plan)
    if at_rest_on(now, plan.version):
        project.ui.say(f"nothing to do: {plan.version} is what everyone has")
        return
    check(project, now, plan)
    if dry_run:
        preview([*ahead(project, plan), *behind(project, plan)], project.ui)
        return
    walk(ahead(project, plan), project.ui, take_back=True)
    try:
        walk(behind(project, plan), project.ui)
    except KeyboardInterrupt:
        project.ui.say("people are served as they are; to take it back: bgctl rollback")
        raise


def check_asking(project: Project, plan: Plan) -> None:
    if plan.ask and not project.ui.can_ask:
        why = "it asks before the old version is stopped, and there is no terminal"
        raise Refused("nobody can be asked", why, f"bgctl deploy {plan.version} --yes")


def check(project: Project, now: State, plan: Plan) -> None:
    """Raises Refused with nothing changed: what can be known beforehand is no reason to undo anything."""
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
    return now.phase == "rest" and now.slots.blue.version == version


def ahead(project: Project, plan: Plan) -> list[Step]:
    """Up to the switch. Images that were made or fetched stay."""
    version, images = plan.version, Images(project, plan.version, plan.push)
    skipped = _why_not_built(project, plan, images)
    if skipped:
        images.leave()
    else:
        images.check_context()
    return [
        Step(
            "build",
            "build the images that the compose file has a build: for",
            images.build,
            lambda: not skipped,
            otherwise=f"skipped: {skipped}",
        ),
        Step(
            "push",
            "push what is built",
            images.push,
            lambda: bool(images.to_push),
            otherwise=images.why_kept,
        ),
        Step(
            "pull",
            f"pull the images of {version}",
            images.pull,
            lambda: phase(project) in UNUSED and bool(images.to_pull),
            otherwise="the images are here",
        ),
        Step(
            "up-green",
            f"start green on {version} and prove it",
            lambda: up_green_on(project, version),
            lambda: green_wanted(project, version),
            lambda: take_down(project, version),
            "green is stopped",
            f"green runs {version} already",
        ),
        *checking(project, plan),
        *canary_steps(project, plan),
        Step(
            "switch",
            f"new sessions get {version}",
            lambda: switch(project, version),
            lambda: phase(project) in (*UNUSED, "canary"),
            lambda: back(project, version, "draining"),
            "everyone gets the old version",
            f"new sessions get {version} already",
        ),
    ]


def checking(project: Project, plan: Plan) -> list[Step]:
    command = project.config.preview.check
    if not command:
        return []
    return [
        Step(
            "check",
            f"green has to pass, by way of the proxy: {command}",
            lambda: check_green(project, plan.version),
            lambda: phase(project) in UNUSED,
            lambda: back(project, plan.version, "preview"),
            "nobody is shown green",
            "people are on green already",
        )
    ]


def canary_steps(project: Project, plan: Plan) -> list[Step]:
    course = plan.course
    if course is None or not course.judged:
        return []
    return [
        Step(
            "canary",
            f"{course} of new sessions get green, and each share is judged",
            lambda: canary.run(project, course, plan.version),
            lambda: phase(project) in (*UNUSED, "canary"),
            lambda: back(project, plan.version, "canary", "preview"),
            "everyone gets the old version",
            "over: all new sessions get green already",
            stays=True,
        )
    ]


def check_green(project: Project, version: str) -> str:
    try:
        return previews.check(project, project.config.preview.check)
    except MovedOn:
        raise
    except Failed as error:
        next = f"mend it, then: bgctl deploy {version}"
        raise Failed(error.what, "nobody was sent there", next, error.detail) from None


def behind(project: Project, plan: Plan) -> list[Step]:
    """After the switch: without the lock until the promotion."""
    return [
        Step(
            "drain",
            "wait until the old version is empty",
            lambda: wait(project, plan),
            lambda: phase(project) != "promoting",
            otherwise="over: the promotion has begun",
        ),
        Step(
            "ask",
            "ask whether to promote",
            lambda: ask(project, plan.version),
            lambda: (
                plan.ask and phase(project) != "promoting" and not at_rest_on(project.state(), plan.version)
            ),
            otherwise="nothing to ask" if plan.ask else "skipped: nobody wants to be asked",
        ),
        Step(
            "promote",
            f"blue comes back on {plan.version} and takes over",
            lambda: finish(project, plan),
            lambda: not at_rest_on(project.state(), plan.version),
            otherwise="another bgctl has done it",
        ),
        Step("clean-up", "nothing is left of green", lambda: clean_up(project, plan.version)),
    ]


def phase(project: Project) -> str:
    return project.state().phase


def green_wanted(project: Project, version: str) -> bool:
    if phase(project) in ("candidate", "preview"):
        return slots.fault(project, "green", version) is not None
    return phase(project) == "rest"


def up_green_on(project: Project, version: str) -> str:
    up_green.run(project, version)
    return f"green runs {version}, and nobody is sent there yet"


def take_down(project: Project, version: str) -> None:
    """An up-green that failed by itself has stopped green already."""
    release = project.state().deployment
    if release and release.new == version:
        rollback.run(project)


def switch(project: Project, version: str) -> str:
    route.check_release(project, version)
    route.run(project, "enable-green", wait=route.PATIENCE)
    return "new sessions get green, blue keeps its own"


def back(project: Project, version: str, *phases: str) -> None:
    route.take_back(project, version, phases)


def wait(project: Project, plan: Plan) -> str:
    left = drain.wait(project, plan.watch)
    if left is None:
        return "another bgctl goes on with it"
    return drain.settle(project, left) if plan.ask else str(left)


def ask(project: Project, version: str) -> str:
    if not project.ui.confirm(f"Promote {version} now?"):
        why = f"you said no; {version} has new sessions, and can stay so"
        raise NotYet("not promoted", why, f"bgctl deploy {version}, or: bgctl rollback")
    return "yes"


def finish(project: Project, plan: Plan) -> str:
    try:
        drain.finish(project, plan.watch, plan.version)
    except Failed as error:
        next = f"mend it, then: bgctl promote, or: bgctl rollback; before this: {error.next}"
        raise Failed(error.what, f"{error.why}; people are served", next, error.detail) from None
    return f"{project.state().slots.blue.version} is stable"


def clean_up(project: Project, version: str) -> str:
    """Nothing must be left. Raises Failed when another bgctl has taken the release back."""
    if not at_rest_on(now := project.state(), version):
        raise Failed("the release has moved on", slots.describe(now), "bgctl status")
    if slots.absent(project, "green"):
        return "nothing was left"
    with project.change("clean-up"):
        if project.state() == now:  # otherwise it is the next release's
            slots.stop(project, "green")
    return "a green was left, and is stopped"


def _why_not_built(project: Project, plan: Plan, images: Images) -> str:
    """Empty where it is to be built."""
    if not plan.build:
        return "--skip-build"
    if phase(project) != "rest":
        return f"the release of {plan.version} has begun"
    return "" if images.buildable else f"{project.compose_path.name} has no build: for green"
