"""`bgctl deploy --canary`: green gets growing shares of new sessions, and each has to be found good.

Holds no lock while it waits. A share that is bad, or not found good in time, is taken back in one write.
"""

from dataclasses import dataclass

from toolkit.errors import Locked, Refused
from toolkit.project import Project
from toolkit.release import route
from toolkit.release.canary_step import CanaryStep
from toolkit.release.moved_on import check_release
from toolkit.release.steps import Step, walk


@dataclass(frozen=True)
class Course:
    """Shares in per cent, rising, each for at least `pause` seconds; `interval` is between two looks."""

    shares: tuple[int, ...]
    pause: float
    interval: float = 2

    @property
    def judged(self) -> tuple[int, ...]:
        """All shares but 100 per cent, which is the switch that follows in any case."""
        return tuple(share for share in self.shares if share < 100)

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.judged))} %"


@dataclass
class CanaryWalk:
    """A release on its course. `window` is the number of the next window: each window has one of its own."""

    project: Project
    course: Course
    version: str
    window: int = 1

    def step(self, share: int) -> Step:
        return Step(
            name=f"{share} %",
            what=f"{share} % of new sessions get green",
            do=lambda: self.hold(share),
            needed=lambda: weight(self.project) <= share,
            skipped="green has more already",
        )

    def hold(self, share: int) -> str:
        """Gives green a share, and keeps it there until the share is found good. Returns a note."""
        check_release(self.project, self.version)
        before = route.run(self.project, "canary", share, wait=self.project.config.canary.patience)
        step = CanaryStep(self.project, before, share, self.window, self.course.pause, self.course.interval)
        note = step.wait()
        self.window = step.window.number + 1
        return note


def run(project: Project, course: Course, version: str) -> str:
    """Returns a note. Raises Failed when it was taken back, MovedOn when another bgctl has changed it."""
    if project.proxy.status().started_at is None:
        raise Refused("the proxy has no figures by version", "it is older than this bgctl", "bgctl up")
    try:
        release = CanaryWalk(project, course, version)
        walk([release.step(share) for share in course.judged], project.ui)
    except (KeyboardInterrupt, Locked):
        project.ui.say("green keeps its share, and nobody watches it; to take it back: bgctl rollback")
        raise
    return f"good at {course}"


def weight(project: Project) -> int:
    """Green's share of new sessions, in per cent."""
    now = project.state()
    return now.slots.green.weight if now.phase == "canary" else 0
