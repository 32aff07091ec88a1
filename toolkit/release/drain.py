"""`bgctl drain`: waits until the old version is empty, without the lock: a rollback must get in."""

import time
from dataclasses import dataclass

from toolkit import state
from toolkit.errors import BgctlError, NotYet, Refused
from toolkit.proxy import Slot
from toolkit.site import Site
from toolkit.state import State


@dataclass(frozen=True)
class Remaining:
    """None is unknown, and unknown is not empty.

    Plain requests are told and not waited for: on a busy site those of visitors without a session come and go
    for ever. Once blue is out of routing no more can come, and then promote waits for the last of them.
    """

    version: str
    sessions: int | None
    requests: int | None
    websockets: int | None

    @property
    def empty(self) -> bool:
        return self.sessions == self.websockets == 0

    @property
    def unknown(self) -> bool:
        return self.sessions is None or self.websockets is None

    def __str__(self) -> str:
        parts = (("sessions", self.sessions), ("requests", self.requests), ("WebSockets", self.websockets))
        said = [f"{'unknown' if count is None else count} {name}" for name, count in parts]
        return f"{self.version} still has {', '.join(said)}" if not self.empty else f"{self.version} is empty"


def remaining(site: Site, now: State) -> Remaining:
    """What the old version still has, right now."""
    release = now.deployment
    version = release.old if release else ""
    try:
        slot: Slot | None = site.proxy.status().slots.get("blue", Slot())
    except BgctlError:
        slot = None
    gone = now.slots.blue.state == "maint"  # disable-blue: what sessions it had are being moved
    sessions = 0 if gone else site.sessions.on(version).sessions
    return Remaining(version, sessions, slot.requests if slot else None, slot.websockets if slot else None)


def look(site: Site) -> Remaining:
    """Raises Refused unless something is draining."""
    now = site.state()
    if now.phase != "draining":
        raise Refused(
            f"nothing is draining in phase {now.phase}", "blue still takes new sessions", _next(now)
        )
    return remaining(site, now)


def run(site: Site, timeout: float = 0, interval: float = 2) -> None:
    """`timeout` 0 waits for as long as it takes. Raises NotYet when the time is over."""
    deadline = time.monotonic() + timeout
    while not (left := look(site)).empty:
        site.ui.progress(str(left))
        if timeout and time.monotonic() + interval > deadline:
            raise NotYet("not empty yet", str(left), _wait(left))
        time.sleep(interval)
    record(site, left)


def run_once(site: Site) -> None:
    """One look, one line: what cron mails. Raises NotYet."""
    try:
        left = look(site)
    except Refused as error:
        raise Refused(error.what, f"{error.why}; next: {error.next}") from None
    if not left.empty:
        raise NotYet("not yet", f"{left}; next: {_wait(left)}")
    record(site, left)


def record(site: Site, left: Remaining) -> None:
    now = site.state()
    if now.deployment and now.deployment.step != "drained":
        with site.change("drain"):
            now = site.state()
            if now.phase != "draining" or not now.deployment or now.deployment.old != left.version:
                raise Refused("the release has moved on", f"it is in phase {now.phase}", "bgctl status")
            site.save(state.drained(now, site.now()))
    site.ui.say(f"{left}: next: bgctl promote")


def _wait(left: Remaining) -> str:
    return "bgctl up, or: bgctl doctor" if left.unknown else "wait, or: bgctl route disable-blue"


def _next(now: State) -> str:
    return "bgctl up-green VERSION" if now.phase == "rest" else "bgctl status"
