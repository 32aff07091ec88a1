"""`bgctl rollback`: everyone back on the old version, from any phase; the switch itself is one write."""

from contextlib import suppress

from toolkit import slots
from toolkit.clients.proxy import reachable
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import history
from toolkit.project import Site
from toolkit.release import depends, route
from toolkit.release.steps import Step, walk
from toolkit.state import document as state
from toolkit.state.document import Deployment


def run(site: Site, wait: bool = True, dry_run: bool = False) -> None:
    with site.change("rollback", dry_run):
        now = site.state()
        if now.deployment is None:
            tidy(site, dry_run)
            site.ui.say(f"nothing to roll back: {now.slots.blue.version} is at rest")
            site.ui.say(f"for an older version: bgctl up-green {_before(site) or 'VERSION'}")
            return
        check_env(site)
        if not slots.serves(site, "blue", now.deployment.old):
            slots.check_return(site, "blue", now.deployment.old, pull=not dry_run)
        walk(steps(site, now.deployment, wait), site.ui, dry_run)
    if wait and not dry_run:
        site.ui.say(f"{now.deployment.old} is what everyone has; rest")


def steps(site: Site, release: Deployment, wait: bool = True) -> list[Step]:
    old, new = release.old, release.new
    steps = [
        Step("hold-green", f"green serves {new}", lambda: hold(site, new), lambda: promoted(site, release)),
        Step(
            "start-blue",
            f"start blue on {old}",
            lambda: start_blue(site, old),
            lambda: not slots.serves(site, "blue", old),
        ),
        Step("switch", f"blue serves {old} to everyone", lambda: switch(site)),
    ]
    if not wait:
        return steps
    return [
        *steps,
        Step("drain-green", "wait for what green has open", lambda: drain_green(site)),
        Step("stop-green", "stop green", lambda: slots.stop(site, "green")),
        Step("record", f"CURRENT_VERSION={old}, rest", lambda: record(site, old)),
    ]


def check_env(site: Site) -> None:
    """Routing back matters more than the env file, which is needed only at the end."""
    try:
        site.env()
    except Refused as error:
        site.ui.warn(error.line)


def promoted(site: Site, release: Deployment) -> bool:
    """A promotion has put blue on the new version: somebody must serve that while blue goes back.

    Also when an earlier rollback has taken blue out of routing: what it had open may still be open.
    """
    now = site.state()
    return now.phase == "promoting" and now.slots.blue.version == release.new


def start(site: Site, slot: str, version: str) -> str:
    """Nothing is migrated back: what the new version has made of the data, the old one has to live with."""
    if not slots.serves(site, slot, version):
        depends.keep(site, slot, version)
    return slots.start(site, slot, version)


def hold(site: Site, new: str) -> str:
    start(site, "green", new)
    route.switch(site, state.hold_green(site.state(), site.now()))
    return slots.wait_empty(site, "blue")


def start_blue(site: Site, old: str) -> str:
    note = start(site, "blue", old)
    with suppress(BgctlError):  # an env file that is broken keeps no rollback out: the last step tells it
        site.set_env("CURRENT_VERSION", old)  # or plain compose would put blue back on the new version
    return note


def switch(site: Site) -> str:
    """A proxy that cannot be asked is no reason to stop here: the file is what it will go by."""
    target = state.back_to_blue(site.state(), site.now())
    try:
        return route.switch(site, target)
    except Failed as error:
        if reachable(site.proxy) is not None:
            raise
        site.ui.warn(str(error))
        return f"written: {slots.describe(target)}"


def drain_green(site: Site) -> str:
    if reachable(site.proxy) is None:
        return "not waited for: the proxy does not answer"
    return slots.wait_empty(site, "green")


def tidy(site: Site, dry_run: bool) -> None:
    """At rest nothing needs green: one that an up-green left behind goes."""
    try:
        stray = not slots.absent(site, "green")
        if stray and not dry_run:
            slots.stop(site, "green")
    except BgctlError as error:
        site.ui.warn(f"whether a green was left behind is unknown: {error}")
        return
    if stray:
        site.ui.say(f"green {'would be' if dry_run else 'is'} stopped: it was no part of a release")


def _before(site: Site) -> str | None:
    """The version that the last promotion replaced."""
    entries = reversed(history.read(site.history_path))
    return next((entry.old for entry in entries if entry.what == "promote" and entry.outcome == "done"), None)


def record(site: Site, old: str) -> str:
    site.set_env("CURRENT_VERSION", old)
    now = site.save(state.rest(site.state(), site.now()))
    return f"generation {now.generation}: {slots.describe(now)}"
