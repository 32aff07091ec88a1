"""`bgctl down`: everything stops, from the outside in; what is kept is all that `bgctl up` needs."""

from contextlib import suppress

from toolkit import slots
from toolkit.clients.session_api import Report
from toolkit.config import SLOTS
from toolkit.errors import BgctlError, Refused
from toolkit.files import atomic
from toolkit.project import Site
from toolkit.release.steps import Step, walk
from toolkit.state.document import State
from toolkit.values import stamp

NOTE = "down"  # in state/, from the moment on at which somebody wanted it so


def run(site: Site, yes: bool = False, dry_run: bool = False) -> None:
    if not (yes or dry_run):
        confirm(site)
    with site.change("down", dry_run):
        walk(steps(site), site.ui, dry_run)
    if not dry_run:
        site.ui.say("volumes, keys, state and data are as they were; bgctl up brings everything back")


def steps(site: Site) -> list[Step]:
    """The proxy first: newcomers are refused at once, and what is open is finished by slots that are there.

    Checks first: raises what the engine or the compose command says, with nothing changed.
    """
    env = environment(site)
    site.engine.compose(env)
    shared = [*site.config.shared]
    rest = others(site)
    return [
        Step(
            "note",
            "note that it is wanted so, for drain --auto",
            lambda: note(site),
            lambda: bool(there(site)),
        ),
        _stop(site, "proxy", "proxy", site.config.drain.request_deadline),
        *[_stop_slot(site, slot) for slot in SLOTS],
        *[_stop(site, name, name, site.grace(name)) for name in shared],
        *[_stop(site, name, name, site.grace(name)) for name in rest],
        Step("networks", "remove the networks", lambda: remove_networks(site, env)),
    ]


def confirm(site: Site) -> None:
    """Raises Refused unless somebody says yes. Asked without the lock, which a rollback may need."""
    running = [each.service for each in site.engine.all() if each.state.running]
    if not running:
        return
    site.ui.say(f"stops and removes {', '.join(dict.fromkeys(running))}")
    site.ui.say(people(site))
    if not site.ui.can_ask:
        why = "it asks before anything is stopped, and there is no terminal"
        raise Refused("nobody can be asked", why, "bgctl down --yes")
    if not site.ui.confirm("Stop everything now?"):
        raise Refused("not confirmed", "everything runs on", "bgctl status")


def people(site: Site) -> str:
    """Who would notice."""
    try:
        report = site.sessions.report()
    except BgctlError as error:
        return f"who is still in is unknown: {error}"
    if report.unknown:
        return f"who is still in is unknown: {report.unknown}"
    counts = [said for version in sorted(report.versions) if (said := _people(report, version))]
    return f"still in: {'; '.join(counts)}" if counts else "nobody is in"


def _people(report: Report, version: str) -> str:
    found = report.on(version)
    if not (found.sessions or found.anonymous or found.websockets):
        return ""
    return f"{found.sessions} sessions and {found.anonymous} visitors on {version}"


def note(site: Site) -> str:
    site.state_dir.mkdir(exist_ok=True)
    with suppress(atomic.NotSynced):
        atomic.write(site.state_dir / NOTE, f"{stamp(site.now())}\n".encode())
    return "drain --auto starts nothing until bgctl up"


def forget(site: Site) -> None:
    (site.state_dir / NOTE).unlink(missing_ok=True)


def is_down(site: Site) -> bool:
    """Whether somebody wants it so. A stack that was started again without us is not down."""
    return (site.state_dir / NOTE).exists() and "proxy" not in site.engine.containers()


def environment(site: Site) -> dict[str, str]:
    """What the compose file is interpolated with; without a usable state, nothing depends on the versions."""
    now: State | None = None
    with suppress(BgctlError):
        now = site.state()
    blue = (now and now.slots.blue.version) or "none"
    return site.compose_env(blue, (now and now.slots.green.version) or blue)


def others(site: Site) -> list[str]:
    """What runs besides: dependencies, monitoring. What came last goes first: it may need the others."""
    ours = {
        "proxy",
        *site.config.shared,
        *[name for slot in SLOTS for name in slots.names(site, slot)],
    }
    found = sorted(site.engine.all(), key=lambda each: each.created, reverse=True)
    return list(dict.fromkeys(each.service for each in found if each.service not in ours))


def there(site: Site) -> set[str]:
    return set(site.engine.containers())


def remove_networks(site: Site, env: dict[str, str]) -> str:
    site.engine.down(env)
    return "nothing of it is left on the engine but its volumes"


def _stop_slot(site: Site, slot: str) -> Step:
    names = slots.names(site, slot)
    return Step(
        f"stop-{slot}",
        f"stop {' and '.join(names)}",
        lambda: slots.stop(site, slot),
        lambda: not there(site).isdisjoint(names),
        otherwise=f"{slot} does not run",
    )


def _stop(site: Site, name: str, service: str, grace: float) -> Step:
    def stop() -> str:
        site.engine.remove(service, grace)
        return f"{service} is stopped"

    return Step(
        name, f"stop {service}", stop, lambda: service in there(site), otherwise=f"{service} does not run"
    )
