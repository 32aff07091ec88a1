"""`bgctl up-green`: the new version runs beside the old one, healthy, and nobody is sent there yet."""

from toolkit import slots
from toolkit.checks import hazards
from toolkit.engine.compose import Compose
from toolkit.errors import BgctlError, Refused
from toolkit.project import Site
from toolkit.release import depends
from toolkit.release.steps import Step, always, walk
from toolkit.rendering import reload
from toolkit.state import document as state
from toolkit.state.document import State


def run(site: Site, version: str | None, dry_run: bool = False) -> None:
    version = version or from_env(site)
    with site.change(f"up-green {version}", dry_run):
        now = site.state()
        check_serving(site, now, version)
        target = state.candidate(now, version, site.now())
        found = check(site, now, version, pull=not dry_run)
        if not dry_run:
            depends.note(site, found)
        if target == now and not dry_run and not slots.fault(site, "green", version):
            site.set_env("VERSION", version)
            site.ui.say(f"green runs {version} already and is healthy")
            return
        walk(steps(site, target, version, found), site.ui, dry_run)


def steps(site: Site, target: State, version: str, found: Compose) -> list[Step]:
    return [
        *depends.steps(site, found, slots.names(site, "green"), version, once=always),
        Step(
            "start-green",
            f"start green on {version} and prove it",
            lambda: start(site, version),
            undo=lambda: slots.stop(site, "green"),
        ),
        Step("record", "note the candidate", lambda: record(site, target, version)),
    ]


def start(site: Site, version: str) -> str:
    """Also tells what is odd, such as idle connections that close too early, and no reason to stop."""
    note = slots.start(site, "green", version)
    watch = slots.watch_idle(site, ["green"], believe=True)
    for advice in [*slots.contradictions(site, "green", version), *watch.wait()]:
        site.ui.warn(advice)
    return note


def record(site: Site, target: State, version: str) -> str:
    # The env file first: if this is cut short, `bgctl up-green` without a version goes on with the same one.
    site.set_env("VERSION", version)
    site.save(target)
    return f"generation {target.generation}: {slots.describe(target)}"


def check_serving(site: Site, now: State, version: str) -> None:
    """Raises Refused where green has this version's sessions already, and is down: no candidate any more."""
    serving = slots.has_sessions(now) and now.slots.green.version == version
    if serving and (problem := slots.fault(site, "green", version)):
        raise Refused(f"green serves {version} already, and is down", problem, "bgctl up")


def check(site: Site, now: State, version: str, pull: bool) -> Compose:
    """The compose file. Raises Refused with nothing changed."""
    check_ground(site, now)
    found = slots.check_slot_images(site, "green", version, pull)
    green, paths = slots.names(site, "green"), site.compose_files
    for clash in hazards.names(site.config, found, paths):
        raise clash
    for loss in hazards.lost_data(site.engine, found, green, paths):
        site.ui.warn(loss.line)
    depends.check(site, found, green, version, pull)
    return found


def check_ground(site: Site, now: State) -> None:
    """All that a candidate needs but its images. Raises Refused."""
    site.env()
    try:
        site.proxy.status()
    except BgctlError as error:
        raise Refused("the proxy does not answer", error.why, "bgctl up") from None
    reload.check_peers(site)
    blue = state.serving_version(now, "blue")
    if problem := slots.fault(site, "blue", blue):
        raise Refused("blue is not healthy", problem, "bgctl up")
    for name, _, address in slots.members(site, "green"):
        slots.check_port(site, name, address)


def from_env(site: Site) -> str:
    if version := site.env().get("VERSION"):
        return version
    raise Refused(
        f"{site.env_path.name} has no VERSION", "there is nothing to start", "bgctl up-green VERSION"
    )
