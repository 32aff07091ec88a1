"""`bgctl drain`: waits until the old version is empty. It holds no lock, so that a rollback can get in."""

from contextlib import suppress
from dataclasses import dataclass

from toolkit.errors import Locked, NotYet, Refused
from toolkit.project import Project
from toolkit.release import forecast, noting, promote, route
from toolkit.release.moved_on import moved_on, over
from toolkit.release.remaining import DrainTerms, Remaining, remaining
from toolkit.state import transitions
from toolkit.state.document import Deployment, State


@dataclass(frozen=True)
class Watch:
    """How a drain is watched: what it waits for, seconds between looks, and when it gives up (0: never)."""

    terms: DrainTerms
    interval: float = 2
    timeout: float = 0


def look(project: Project, terms: DrainTerms) -> Remaining:
    """Raises Refused unless something is draining."""
    now = project.state()
    _release(now)
    return remaining(project, now, terms)


def run(project: Project, watch: Watch, yes: bool = False) -> None:
    """Waits, then asks whether to promote; without a terminal it names the next command. Raises NotYet."""
    new = _release(project.state()).new
    left = wait(project, watch)
    if left is None:
        project.ui.say(f"another bgctl goes on with {new}; next: bgctl status")
        return
    seen = "" if yes else settle(project, left)
    if yes or (project.ui.can_ask and project.ui.confirm(f"{seen}. Promote {new} now?")):
        finish(project, watch, new)
    else:
        project.ui.say(f"{seen}: next: bgctl promote{watch.terms.options(project.config.drain)}")


def wait(project: Project, watch: Watch) -> Remaining | None:
    """Waits until nothing is left that the terms name. None: another bgctl promotes the version, or has.

    Raises NotYet when the time-out comes before the next look, and MovedOn.
    """
    release = _release(project.state())
    most = 1
    with project.ui.progress_bar() as show:
        for seconds in project.clock.every(watch.interval):
            now = project.state()
            if gone_on(now, release.new):
                break
            if now.phase != "draining" or _release(now).new != release.new:
                raise over(now, release)
            left = remaining(project, now, watch.terms)
            noting.note(project)
            if left.empty or left.overdue:
                return left
            most = max(most, left.total or 0)
            share = 0.0 if left.total is None else 1 - left.total / most
            show(share, str(left), forecast.words(left.forecast, left.ends, project.now()))
            if watch.timeout and seconds + watch.interval > watch.timeout:
                raise NotYet("not empty yet", str(left), _wait(left))
    return None


def gone_on(now: State, new: str) -> bool:
    """Whether another bgctl promotes this version, or has: cron's, most likely."""
    if now.phase == "promoting":
        return now.deployment is not None and now.deployment.new == new
    return now.phase == "rest" and now.slots.blue.version == new


def settle(project: Project, left: Remaining) -> str:
    """Notes that the old version is empty; or lets the rest move at their next request, at the deadline."""
    if left.empty or gone_on(project.state(), left.new):
        record(project, left)
        return str(left)
    with project.change("drain"):
        now = _same(project, left)
        target = transitions.disable_blue(now, project.now())
        route.prove(project, now, target)
        route.switch(project, target)
    return f"the deadline is over: {left}; they move at their next request"


def record(project: Project, left: Remaining) -> None:
    """Notes in the state that the old version was found empty, unless another bgctl has gone on."""
    now = project.state()
    if gone_on(now, left.new) or (now.deployment and now.deployment.step == "drained"):
        return
    with suppress(Locked), project.change("drain"):
        if not gone_on(project.state(), left.new):
            project.save(transitions.drained(_same(project, left), project.now()))


def finish(project: Project, watch: Watch, new: str) -> None:
    """Promotes. Waits again if a user has come back meanwhile, or another bgctl is at work."""
    for _ in project.clock.every(watch.interval):
        now = project.state()
        if now.phase == "rest":
            break
        promote.check_direction(now)
        try:
            return promote.run(project, watch.terms, only=new)
        except promote.NotEmpty as error:
            project.ui.say(f"{error}; waiting on")
            wait(project, watch)
        except Locked as error:
            project.ui.progress(f"{error}; waiting")
    if now.slots.blue.version != new:
        raise moved_on(now)
    project.ui.say(f"another bgctl was first: {new} is what everyone has")
    return None


def _release(now: State) -> Deployment:
    """The release that drains. Raises Refused."""
    if now.phase != "draining" or now.deployment is None:
        why, next = "blue still takes new sessions", _next(now)
        raise Refused(f"nothing is draining in phase {now.phase}", why, next)
    return now.deployment


def _same(project: Project, left: Remaining) -> State:
    """The state, in which still the same release drains. Raises MovedOn."""
    now = project.state()
    release = now.deployment
    if now.phase != "draining" or not release or (release.old, release.new) != (left.version, left.new):
        raise moved_on(now)
    return now


def _wait(left: Remaining) -> str:
    return "bgctl up, or: bgctl doctor" if left.unknown else "wait, or: bgctl route disable-blue"


def _next(now: State) -> str:
    return "bgctl up-green VERSION" if now.phase == "rest" else "bgctl status"
