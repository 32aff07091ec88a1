"""`bgctl restart`: the same version again, with the settings of today, and nobody notices.

Green starts on the version that blue runs, and takes over; blue is stopped, started anew, and takes over
again; green goes. Both slots serve one version all the time, so no session moves. Each step first looks at
how things are: after a crash at any point the same command goes on from there.
"""

from toolkit import slots
from toolkit.engine.compose import Compose
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project
from toolkit.release import (
    differences,
    image_builds,
    needs,
    proof_record,
    restart_back,
    route,
    same_files,
    up_green,
)
from toolkit.release.steps import Step, show_plan, walk
from toolkit.rendering import reload
from toolkit.slots import proven
from toolkit.state import restarting, transitions
from toolkit.state.document import State

AGAIN = "mend it, then: bgctl restart, or: bgctl rollback"


def run(project: Project, build: bool = False, dry_run: bool = False) -> None:
    """`build`: the images of the slots are built again first, and the version is proven with them."""
    with project.change("restart", dry_run):
        now = project.state()
        restarting.check_possible(now)
        version = transitions.serving_version(now, "blue")
        build = build and now.phase == "rest"
        found = check(project, now, version, build, pull=not dry_run)
        restart = Restart(project, version, build, found)
        if dry_run:
            tell_settings(project)
            return show_plan([*restart.to_green(), *restart.back_to_blue()], project.ui)
        tell_one_shots(project, now, version, build)
        tell_settings(project)
        with same_files.brought(project):
            walk(restart.to_green(), project.ui, take_back=True)
            walk(restart.back_to_blue(), project.ui)
    project.ui.say(f"{version} runs with the settings of today; rest")
    return None


def check(project: Project, now: State, version: str, build: bool, pull: bool) -> Compose:
    """Returns the compose file. Raises Refused with nothing changed.

    A blue that is not healthy is only warned of: what it lacks may be what this restart brings.
    """
    project.env()
    same_files.check(project)
    try:
        project.proxy.status()
    except BgctlError as error:
        raise Refused("the proxy does not answer", error.why, "bgctl up") from None
    reload.check_peers(project)
    if now.phase == "rest":
        if problem := slots.fault(project, "blue", version):
            project.ui.warn(f"blue is not healthy: {problem}")
        for name, _, address in slots.members(project, "green"):
            slots.check_port(project, name, address)
    with project.engine.still():
        slots.check_slot_images(project, "blue", version, pull, anew=build)
        found = up_green.check_start(project, version, pull, anew=build)
    if not build:
        again = "bgctl restart --build, or: bgctl deploy VERSION"
        proven.check(project, found, _everything(project), version, again)
    elif to_build(project, found):
        image_builds.check_context(project, found, to_build(project, found))
    else:
        why = f"{project.compose_path.name} has no build: for a slot"
        raise Refused("there is nothing to build", why, "bgctl restart")
    return found


def to_build(project: Project, found: Compose) -> list[str]:
    """The services of green that have a build; of several with the same image only one."""
    built = [name for name in slots.first_names(project, "green") if found.services[name].build]
    return list({found.image(name): name for name in reversed(built)}.values())


def tell_one_shots(project: Project, now: State, version: str, build: bool) -> None:
    """Says that migrations have run for this version, and do not run again."""
    once = proof_record.one_shots(project, version) if now.phase == "rest" else []
    if once and build:
        why = f"for {version}, whatever was built; for another migration: bgctl deploy VERSION"
        project.ui.warn(f"{', '.join(once)}: not run again {why}")
    elif once:
        project.ui.say(f"{', '.join(once)}: not run again for {version}")


def tell_settings(project: Project) -> None:
    """Says which settings it brings, as far as that is known."""
    for each in differences.of_slots(project):
        project.ui.say(f"{' and '.join(each.services)}: it brings {', '.join(each.settings)}")


class Restart:
    """One restart of one version: the two halves of its runbook. `found` is the compose file."""

    def __init__(self, project: Project, version: str, build: bool, found: Compose) -> None:
        self.project, self.version, self.build, self.found = project, version, build, found

    def to_green(self) -> list[Step]:
        """A failure here takes everything back: the old settings serve on."""
        project, version, found = self.project, self.version, self.found
        held = [] if self.build else proof_record.hold(project, found, _everything(project), version)
        return [
            *([self._build_step()] if self.build else held),
            *needs.steps(project, found, slots.names(project, "green"), version),
            Step(
                name="start-green",
                what=f"start green on {version} too, with the settings of today, and prove it",
                do=self.start_green,
                needed=lambda: not self._reached("serve-blue"),
                undo=self.stop_green_again,
                undone="green is stopped",
            ),
            Step(
                name="serve-green",
                what=f"green serves {version}, blue finishes",
                do=lambda: route.switch(project, restarting.serve_green(project.state(), project.now())),
                needed=lambda: not self._reached("serve-green"),
                undo=lambda: restart_back.run(project),
                undone="blue serves everybody",
            ),
        ]

    def back_to_blue(self) -> list[Step]:
        return [*self._stop_blue(), *self._start_blue(), *self._green_goes()]

    def _build_step(self) -> Step:
        return Step(
            name="build",
            what=f"build the images of {self.version} again",
            do=self.make_images,
            undo=lambda: restart_back.give_names_back(self.project, self.version),
            undone=f"{self.version} is as it was proven",
        )

    def _stop_blue(self) -> list[Step]:
        project = self.project
        return [
            Step(
                name="drain-blue",
                what="wait for what blue has open",
                do=lambda: slots.wait_empty(project, "blue"),
                needed=lambda: not self._reached("retire-blue"),
            ),
            Step(
                name="stop-blue",
                what="take blue out of routing and stop it",
                do=self.stop_blue,
                needed=lambda: not self._reached("start-blue"),
            ),
        ]

    def _start_blue(self) -> list[Step]:
        project, version = self.project, self.version
        return [
            Step(
                name="start-blue",
                what=f"start blue on {version}, with the settings of today, and prove it",
                do=self.start_blue,
                needed=lambda: not self._reached("serve-blue"),
                undo=self.stop_blue_again,
            ),
            Step(
                name="serve-blue",
                what=f"blue serves {version}, green finishes",
                do=lambda: route.switch(project, restarting.serve_blue(project.state(), project.now())),
                needed=lambda: not self._reached("serve-blue"),
            ),
        ]

    def _green_goes(self) -> list[Step]:
        project = self.project
        return [
            Step(
                name="drain-green",
                what="wait for what green has open",
                do=lambda: slots.wait_empty(project, "green"),
                needed=lambda: not self._reached("stop-green"),
            ),
            Step(
                name="stop-green",
                what="take green out of routing and stop it",
                do=lambda: restart_back.stop_green(project),
            ),
            Step(name="record", what="rest", do=lambda: restart_back.record(project)),
        ]

    def _reached(self, step: str) -> bool:
        return restarting.reached(self.project.state(), step)

    def make_images(self) -> str:
        env = self.project.env_of(self.version)
        return image_builds.make(self.project, self.found, to_build(self.project, self.found), env)

    def start_green(self) -> str:
        """At rest a green is left over from something else, and has other settings."""
        project, now = self.project, self.project.state()
        if now.phase == "rest" and not slots.absent(project, "green"):
            slots.stop(project, "green")
        note = slots.start(project, "green", self.version, anew=self.build)
        if self.build:
            proof_record.note(project, "green", self.version, now.generation)
        return note

    def stop_green_again(self) -> None:
        """Leaves a green that serves people: then it was there before this command."""
        if self.project.state().phase == "rest":
            slots.stop(self.project, "green")
            restart_back.note_blue(self.project, self.version)

    def stop_blue(self) -> str:
        project = self.project
        route.switch(project, restarting.retire_blue(project.state(), project.now()))
        slots.wait_empty(project, "blue")
        note = slots.stop(project, "blue")
        project.save(restarting.start_blue(project.state(), project.now()))
        return note

    def start_blue(self) -> str:
        try:
            return slots.start(self.project, "blue", self.version)
        except Failed as error:
            why = f"{error.why}; green serves everybody"
            raise Failed(error.what, why, AGAIN, error.detail) from None

    def stop_blue_again(self) -> None:
        """Blue does not come up, though green did: green goes on serving."""
        if not self._reached("serve-blue"):
            slots.stop(self.project, "blue")


def _everything(project: Project) -> list[str]:
    return [*slots.names(project, "blue"), *slots.names(project, "green")]
