"""`bgctl deploy`: a whole release, from the build of its images to the stop of the old version.

Each step first looks at how things are: after a crash anywhere, the same command goes on from there. Up to
the switch a failure takes everything back. After the switch nothing is taken back unasked, because people
are on green.
"""

from toolkit import slots
from toolkit.errors import Failed, MovedOn, NotYet
from toolkit.project import Project
from toolkit.release import (
    canary,
    differences,
    drain,
    images,
    moments,
    older_images,
    preview,
    rollback,
    route,
    scope,
    up_green,
)
from toolkit.release.deploy_plan import UNUSED, Plan, at_rest_on, check, check_asking
from toolkit.release.moved_on import check_release, moved_on
from toolkit.release.steps import Step, show_plan, walk


def run(project: Project, plan: Plan, dry_run: bool = False) -> None:
    now = project.state()
    if not dry_run:
        check_asking(project, plan)
    if at_rest_on(now, plan.version):
        project.ui.say(f"nothing to do: {plan.version} is what everyone has")
        return
    scope.begin(project, plan.services, plan.release, plan.version)
    check(project, now, plan)
    deploy = Deploy(project, plan)
    if dry_run:
        show_plan([*deploy.up_to_the_switch(), *deploy.after_the_switch()], project.ui)
        return
    if now.phase == "rest":
        tell_settings(project, plan.version)
    walk(deploy.up_to_the_switch(), project.ui, take_back=True)
    try:
        walk(deploy.after_the_switch(), project.ui)
    except KeyboardInterrupt:
        project.ui.say("people are served as they are; to take it back: bgctl rollback")
        raise


def tell_settings(project: Project, version: str) -> None:
    """Says which changed settings come along, so that a fault is not sought in the new version alone."""
    for each in differences.of_slots(project):
        project.ui.say(f"{each.what}: {', '.join(each.settings)}; {version} brings them")


class Deploy:
    """One deploy of one version. The runbook comes first, then each step in the order of the runbook."""

    def __init__(self, project: Project, plan: Plan) -> None:
        self.project, self.plan, self.version = project, plan, plan.version

    def up_to_the_switch(self) -> list[Step]:
        """The images are built, or pulled, first; they stay, whatever happens."""
        get_images = (older_images if self.plan.back else images).steps(self.project, self.plan)
        return [*get_images, self.start_green(), *self.check_green(), *self.canary(), self.switch()]

    def after_the_switch(self) -> list[Step]:
        """Holds no lock until the promotion, so that a rollback can get in."""
        return [self.drain(), self.ask(), self.promote(), self.clean_up()]

    @property
    def phase(self) -> str:
        return self.project.state().phase

    def _hooks(self, *named: moments.Before | moments.After) -> str:
        return moments.around(self.project, *named)

    # Start green. No session is sent there yet.

    def start_green(self) -> Step:
        return Step(
            name="up-green",
            what=f"start green on {self.version} and prove it{scope.told(self.project)}"
            + self._hooks("post_up_green"),
            do=self._start_green,
            needed=self._green_wanted,
            skipped=f"green runs {self.version} already",
            undo=self._take_green_down,
            undone="green is stopped",
        )

    def _start_green(self) -> str:
        up_green.run(self.project, self.version, back=self.plan.back)
        return f"green runs {self.version}, and nobody is sent there yet"

    def _green_wanted(self) -> bool:
        if self.phase in ("candidate", "preview"):
            return slots.fault(self.project, "green", self.version) is not None
        return self.phase == "rest"

    def _take_green_down(self) -> None:
        """An up-green that failed has stopped green itself, and has noted no release."""
        release = self.project.state().deployment
        if release and release.new == self.version:
            rollback.run(self.project)

    # Have the operator's own check look at green, where bgctl.toml names one.

    def check_green(self) -> list[Step]:
        command = self.project.config.preview.check
        if not command:
            return []
        return [
            Step(
                name="check",
                what=f"green has to pass, by way of the proxy: {command}",
                do=lambda: self._check_green(command),
                needed=lambda: self.phase in UNUSED,
                skipped="people are on green already",
                undo=lambda: self._take_back("preview"),
                undone="nobody is shown green",
            )
        ]

    def _check_green(self, command: str) -> str:
        try:
            return preview.check(self.project, command)
        except MovedOn:
            raise
        except Failed as error:
            next = f"mend it, then: {self.plan.command}"
            raise Failed(error.what, "nobody was sent there", next, error.detail) from None

    # Give green growing shares of new sessions, where a canary is wanted, and judge each.

    def canary(self) -> list[Step]:
        course = self.plan.course
        if course is None or not course.judged:
            return []
        return [
            Step(
                name="canary",
                what=f"{course} of new sessions get green, and each share is judged",
                do=lambda: canary.run(self.project, course, self.version),
                needed=lambda: self.phase in (*UNUSED, "canary"),
                skipped="over: all new sessions get green already",
                undo=lambda: self._take_back("canary", "preview"),
                undone="everyone gets the old version",
                stays=True,
            )
        ]

    # Send all new sessions to green.

    def switch(self) -> Step:
        return Step(
            name="switch",
            what=f"new sessions get {self.version}{self._hooks('pre_switch', 'post_switch')}",
            do=self._switch,
            needed=lambda: self.phase in (*UNUSED, "canary"),
            skipped=f"new sessions get {self.version} already",
            undo=lambda: self._take_back("draining"),
            undone="everyone gets the old version",
        )

    def _switch(self) -> str:
        check_release(self.project, self.version)
        route.run(self.project, "enable-green", wait=route.PATIENCE)
        return "new sessions get green, blue keeps its own"

    def _take_back(self, *phases: str) -> None:
        route.take_back(self.project, self.version, phases)

    # Wait until the old version is empty.

    def drain(self) -> Step:
        return Step(
            name="drain",
            what="wait until the old version is empty",
            do=self._drain,
            needed=lambda: self.phase != "promoting",
            skipped="over: the promotion has begun",
        )

    def _drain(self) -> str:
        left = drain.wait(self.project, self.plan.watch)
        if left is None:
            return "another bgctl goes on with it"
        return drain.settle(self.project, left) if self.plan.ask else str(left)

    # Ask the operator, unless --yes was given.

    def ask(self) -> Step:
        return Step(
            name="ask",
            what="ask whether to promote",
            do=self._ask,
            needed=lambda: self.plan.ask and self.phase != "promoting" and not self._over(),
            skipped="nothing to ask" if self.plan.ask else "skipped: nobody wants to be asked",
        )

    def _ask(self) -> str:
        if not self.project.ui.confirm(f"Promote {self.version} now?"):
            why = f"you said no; {self.version} has new sessions, and can stay so"
            raise NotYet("not promoted", why, f"{self.plan.command}, or: bgctl rollback")
        return "yes"

    def _over(self) -> bool:
        return at_rest_on(self.project.state(), self.version)

    # Make the new version the stable one: blue comes back on it, and green goes.

    def promote(self) -> Step:
        return Step(
            name="promote",
            what=f"blue comes back on {self.version} and takes over"
            + self._hooks("pre_promote", "post_promote"),
            do=self._promote,
            needed=lambda: not self._over(),
            skipped="another bgctl has done it",
        )

    def _promote(self) -> str:
        try:
            drain.finish(self.project, self.plan.watch, self.version)
        except Failed as error:
            next = f"mend it, then: bgctl promote, or: bgctl rollback; before this: {error.next}"
            raise Failed(error.what, f"{error.why}; people are served", next, error.detail) from None
        return f"{self.project.state().slots.blue.version} is stable"

    # Stop a green that is left over. There should be none.

    def clean_up(self) -> Step:
        return Step(name="clean-up", what="nothing is left of green", do=self._clean_up)

    def _clean_up(self) -> str:
        """Raises MovedOn when another bgctl has taken the release back."""
        if not at_rest_on(now := self.project.state(), self.version):
            raise moved_on(now)
        if slots.absent(self.project, "green"):
            return "nothing was left"
        with self.project.change("clean-up"):
            if self.project.state() == now:  # otherwise green belongs to the next release
                slots.stop(self.project, "green")
        return "a green was left, and is stopped"
