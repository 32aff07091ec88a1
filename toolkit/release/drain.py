"""`bgctl drain`: waits until the old version is empty, without the lock: a rollback must get in."""

import time
from contextlib import suppress
from dataclasses import dataclass

from toolkit.errors import Locked, NotYet, Refused
from toolkit.project import Site
from toolkit.release import forecast as outlook
from toolkit.release import promote, route
from toolkit.release.remaining import Remaining, Terms, remaining
from toolkit.state import document as state
from toolkit.state.document import Deployment, State


@dataclass(frozen=True)
class Watch:
    """How a drain is watched: what it waits for, seconds between looks, and when it gives up (0: never)."""

    terms: Terms
    interval: float = 2
    timeout: float = 0


def look(site: Site, terms: Terms) -> Remaining:
    """Raises Refused unless something is draining."""
    now = site.state()
    _release(now)
    return remaining(site, now, terms)


def run(site: Site, watch: Watch, yes: bool = False) -> None:
    """Waits, then asks whether to promote; without anybody to ask it says so. Raises NotYet."""
    new = _release(site.state()).new
    left = wait(site, watch)
    if left is None:
        site.ui.say(f"another bgctl goes on with {new}; next: bgctl status")
        return
    seen = "" if yes else settle(site, left)
    if yes or (site.ui.can_ask and site.ui.confirm(f"{seen}. Promote {new} now?")):
        finish(site, watch, new)
    else:
        site.ui.say(f"{seen}: next: bgctl promote{watch.terms.options(site.config.drain)}")


def wait(site: Site, watch: Watch) -> Remaining | None:
    """Until nobody is left to wait for. None: another bgctl promotes it, or has. Raises NotYet, Refused."""
    now = site.state()
    release = _release(now)
    start, most = time.monotonic(), 1
    with site.ui.meter() as show:
        while not gone_on(now, release.new):
            if _release(now).new != release.new:
                raise _moved_on(now)
            left = remaining(site, now, watch.terms)
            if left.empty or left.overdue:
                return left
            most = max(most, left.total or 0)
            share = 0.0 if left.total is None else 1 - left.total / most
            show(share, str(left), outlook.words(left.forecast, left.ends, site.now()))
            if watch.timeout and time.monotonic() + watch.interval > start + watch.timeout:
                raise NotYet("not empty yet", str(left), _wait(left))
            time.sleep(watch.interval)
            now = site.state()
    return None


def gone_on(now: State, new: str) -> bool:
    """Whether another bgctl promotes this version, or has: cron's, most likely."""
    if now.phase == "promoting":
        return now.deployment is not None and now.deployment.new == new
    return now.phase == "rest" and now.slots.blue.version == new


def settle(site: Site, left: Remaining) -> str:
    """Notes that it is empty; or moves, at their next request, whoever is left at the deadline."""
    if left.empty or gone_on(site.state(), left.new):
        record(site, left)
        return str(left)
    with site.change("drain"):
        now = _same(site, left)
        target = state.disable_blue(now, site.now())
        route.prove(site, now, target)
        route.switch(site, target)
    return f"the deadline is over: {left}; they move at their next request"


def record(site: Site, left: Remaining) -> None:
    """Notes in the state that it was found empty, unless another bgctl is further on."""
    now = site.state()
    if gone_on(now, left.new) or (now.deployment and now.deployment.step == "drained"):
        return
    with suppress(Locked), site.change("drain"):
        if not gone_on(site.state(), left.new):
            site.save(state.drained(_same(site, left), site.now()))


def finish(site: Site, watch: Watch, new: str) -> None:
    """Promotes. If somebody has come back meanwhile, or another bgctl is at work, waits again."""
    while (now := site.state()).phase != "rest":
        promote.check_direction(now)
        try:
            return promote.run(site, watch.terms, only=new)
        except promote.NotEmpty as error:
            site.ui.say(f"{error}; waiting on")
            wait(site, watch)
        except Locked as error:
            site.ui.progress(f"{error}; waiting")
            time.sleep(watch.interval)
    if now.slots.blue.version != new:
        raise _moved_on(now)
    site.ui.say(f"another bgctl was first: {new} is what everyone has")
    return None


def _release(now: State) -> Deployment:
    """The release that drains. Raises Refused."""
    if now.phase != "draining" or now.deployment is None:
        why, next = "blue still takes new sessions", _next(now)
        raise Refused(f"nothing is draining in phase {now.phase}", why, next)
    return now.deployment


def _same(site: Site, left: Remaining) -> State:
    """The state, still draining what was looked at. Raises Refused."""
    now = site.state()
    release = now.deployment
    if now.phase != "draining" or not release or (release.old, release.new) != (left.version, left.new):
        raise _moved_on(now)
    return now


def _moved_on(now: State) -> Refused:
    why = f"{now.slots.blue.version} is what everyone has"
    if now.deployment:
        why = f"it is {now.deployment.new} that is released now, in phase {now.phase}"
    return Refused("the release has moved on", why, "bgctl status")


def _wait(left: Remaining) -> str:
    return "bgctl up, or: bgctl doctor" if left.unknown else "wait, or: bgctl route disable-blue"


def _next(now: State) -> str:
    return "bgctl up-green VERSION" if now.phase == "rest" else "bgctl status"
