"""`bgctl promote`: blue, empty now, comes back on the new version, takes over from green, and green goes.

Each step looks at how things are and does only what is missing: run it again after a crash at any point.
"""

from toolkit import slots
from toolkit.engine.compose import Compose
from toolkit.errors import Refused
from toolkit.project import Site
from toolkit.release import depends, route
from toolkit.release.remaining import Terms, remaining
from toolkit.release.steps import Step, walk
from toolkit.state import document as state
from toolkit.state.document import Deployment, State


class NotEmpty(Refused):
    """Blue has somebody whom a drain would wait for, or nobody knows."""


def run(site: Site, terms: Terms | None = None, dry_run: bool = False, only: str | None = None) -> None:
    """`terms` are those of the drain before it; without, as bgctl.toml has them. `only` this new version."""
    terms = terms or Terms.of(site.config.drain)
    with site.change("promote", dry_run):
        now = site.state()
        if only and now.deployment and now.deployment.new != only:
            why = f"it is {now.deployment.new} that is released now"
            raise Refused(f"{only} is not promoted", why, "bgctl status")
        release, found = check(site, now, terms)
        walk(steps(site, release, terms, found), site.ui, dry_run)
    if not dry_run:
        site.ui.say(f"{release.new} is what everyone has; rest")


def steps(site: Site, release: Deployment, terms: Terms, found: Compose) -> list[Step]:
    """One-shots have run for the new version, before green."""
    old, new = release.old, release.new
    return [
        *depends.steps(site, found, slots.names(site, "blue"), new),
        Step(
            "retire-blue",
            f"take blue ({old}) out of routing",
            lambda: retire_blue(site, terms),
            lambda: not taken_over(site),
        ),
        Step(
            "stop-blue",
            f"stop blue on {old}",
            lambda: slots.stop(site, "blue"),
            lambda: not taken_over(site) and not slots.serves(site, "blue", new),
        ),
        Step(
            "start-blue",
            f"start blue on {new} and prove it",
            lambda: slots.start(site, "blue", new),
            undo=lambda: undo_start(site),
        ),
        Step(
            "serve-blue",
            f"blue serves {new}, green finishes",
            lambda: serve_blue(site, new),
            lambda: not taken_over(site),
        ),
        Step(
            "drain-green",
            "wait for what green has open",
            lambda: drain_green(site),
            lambda: green_drains(site),
        ),
        Step("stop-green", "take green out of routing and stop it", lambda: stop_green(site)),
        Step("record", f"CURRENT_VERSION={new}, rest", lambda: record(site, new)),
    ]


def check(site: Site, now: State, terms: Terms) -> tuple[Deployment, Compose]:
    """The release, and the compose file with blue on its new version.

    Raises Refused unless blue is empty, or was given up, and somebody healthy serves the new version.
    """
    release = now.deployment
    if release is None or now.phase not in ("draining", "promoting"):
        next = "bgctl route enable-green" if release else "bgctl up-green VERSION"
        raise Refused(f"nothing to promote in phase {now.phase}", "green does not serve everyone", next)
    site.env()  # the last step writes it: refused now, or not at all
    check_empty(site, now, terms)
    serving = "blue" if taken_over_by(now) else "green"
    if problem := slots.fault(site, serving, release.new):
        raise Refused(f"{serving} is not healthy", problem, "bgctl up, or: bgctl rollback")
    return release, slots.check_slot_images(site, "blue", release.new, pull=False)


def check_direction(now: State) -> None:
    """For who promotes unasked. Raises Refused when a rollback was cut short: somebody wants to go back."""
    if now.phase == "promoting" and state.going_back(now):
        why = "it was cut short, and nothing goes forward by itself"
        raise Refused("a rollback has begun", why, "bgctl rollback, or: bgctl promote")


def check_empty(site: Site, now: State, terms: Terms) -> None:
    """Raises NotEmpty while a drain would wait; what disable-blue or an earlier try has taken out may go."""
    if now.phase == "promoting" or now.slots.blue.state == "maint":
        return
    left = remaining(site, now, terms)
    if left.empty or left.overdue:
        return
    if left.unknown:
        raise NotEmpty("whether blue is empty is unknown", str(left), "bgctl up, or: bgctl doctor")
    raise NotEmpty("blue is not empty", str(left), "bgctl drain")


def taken_over_by(now: State) -> bool:
    """Whether blue serves the new version already."""
    release, blue = now.deployment, now.slots.blue
    return release is not None and blue.state == "ready" and blue.version == release.new


def taken_over(site: Site) -> bool:
    return taken_over_by(site.state())


def green_drains(site: Site) -> bool:
    return site.state().slots.green.state != "maint"


def retire_blue(site: Site, terms: Terms) -> str:
    now = site.state()
    check_empty(site, now, terms)  # again: somebody may have logged in on blue since
    route.switch(site, state.retire_blue(now, site.now()))
    return slots.wait_empty(site, "blue")


def undo_start(site: Site) -> None:
    """Blue does not come up on the new version: green goes on serving it, and blue stays out of routing."""
    if not taken_over(site):
        slots.stop(site, "blue")
        site.ui.warn("green serves everyone; mend it and run bgctl promote again, or bgctl rollback")


def serve_blue(site: Site, new: str) -> str:
    # Green may take an hour to finish: plain compose must not put blue back on the old version meanwhile.
    site.set_env("CURRENT_VERSION", new)
    return route.switch(site, state.blue_on_new(site.state(), site.now()))


def drain_green(site: Site) -> str:
    return slots.wait_empty(site, "green")


def stop_green(site: Site) -> str:
    route.switch(site, state.retire_green(site.state(), site.now()))
    return slots.stop(site, "green")


def record(site: Site, version: str) -> str:
    site.set_env("CURRENT_VERSION", version)
    now = site.save(state.rest(site.state(), site.now()))
    site.proxy.wait_applied(now.generation)
    return f"generation {now.generation}: {slots.describe(now)}"
