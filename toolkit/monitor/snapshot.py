"""What the monitor shows at one moment: the overview, the users of the old version, and the last changes."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import structs

from toolkit.clients.proxy_status import Activity
from toolkit.clients.session_api import User
from toolkit.files.history import Entry
from toolkit.observe import node
from toolkit.observe.overview import Overview, ProxyView, SlotView, overview
from toolkit.observe.sources import Found
from toolkit.project import Project
from toolkit.state import gate

USERS = 100  # users that the session API is asked for; a screen has room for fewer
HISTORY = 10  # entries


class Snapshot(Overview, frozen=True, kw_only=True, rename="camel"):
    """An overview at the moment `at`. Its fields are the keys of `bgctl monitor --json`.

    `users` are some of the `users_total` users on the old version. `history` begins with the newest entry.
    """

    at: datetime
    project: str
    users: list[User] | None
    users_total: int | None
    history: list[Entry] | None


def take(project: Project, found: Found, at: datetime) -> Snapshot:
    """The snapshot of what the sources have said by `at`."""
    view, report, entries = overview(project, found), found.report.value, found.history.value
    old = view.deployment.old if view.deployment else None
    known = structs.asdict(view)
    return Snapshot(
        **known,
        at=at,
        project=str(project.config.project.name),  # msgspec encodes no subclass of str
        users=report.users if report else None,
        users_total=report.on(old).users if report and old else None,
        history=entries[: -HISTORY - 1 : -1] if entries is not None else None,
    )


def alarms(snapshot: Snapshot) -> Iterator[str]:
    """What an operator should look at, a line each."""
    yield from (f"{name}: {why}" for name, why in snapshot.silent.items())
    if snapshot.gate:
        held = snapshot.proxy.held if snapshot.proxy else None
        yield f"{gate.describe(snapshot.gate, snapshot.at, held)}; {gate.opener(snapshot.gate)}"
    yield from node.lines(snapshot.told, snapshot.at)
    if snapshot.unknown:
        yield f"sessions are unknown: {snapshot.unknown}"
    for name, slot in snapshot.slots.items():
        yield from _slot_alarms(name, slot)
    yield from (f"{name} does not do its work: {why}" for name, why in snapshot.needs.items())
    yield from (f"the keys of {name}: {each.error}" for name, each in snapshot.jwks.items() if each.error)
    if snapshot.proxy:
        yield from _proxy_alarms(snapshot.proxy, snapshot)


def _slot_alarms(name: str, slot: SlotView) -> Iterator[str]:
    if slot.health not in (None, "healthy"):
        yield f"{name} is not healthy: {slot.health}" + (f": {slot.advice}" if slot.advice else "")
    if slot.passed_over:
        yield f"the proxy finds {name} down: {slot.passed_over}"


def _proxy_alarms(proxy: ProxyView, snapshot: Snapshot) -> Iterator[str]:
    if proxy.error:
        yield f"the proxy refused the state: {proxy.error}"
    if proxy.workers < proxy.expected:
        yield f"the proxy has {proxy.workers} of {proxy.expected} workers"
    if snapshot.generation not in (None, proxy.generation):
        yield f"the proxy has generation {proxy.generation}, the state is {snapshot.generation}"
    if proxy.activity and (trouble := activity_trouble(proxy.activity, snapshot.at)):
        yield f"the proxy's activity reports: {trouble}"


def activity_trouble(activity: Activity, now: datetime) -> str | None:
    """What is wrong with the proxy's reports: "connection refused, 120 waiting, 3 lost"; None: nothing.

    Rows that have been waiting for a moment only are no trouble.
    """
    stuck = bool(activity.queued) and activity.is_stale(now)
    if not (activity.error or activity.dropped or stuck):
        return None
    said = [activity.error] if activity.error else ["nothing is delivered"] if stuck else []
    said += [f"{activity.queued} waiting"] * bool(activity.queued)
    said += [f"{activity.dropped} lost"] * bool(activity.dropped)
    return ", ".join(said)
