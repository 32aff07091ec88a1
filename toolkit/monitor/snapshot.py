"""What the dashboard shows: the overview, who is still on the old version, and what was done last."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import structs

from toolkit.clients.proxy import Activity
from toolkit.clients.session_api import User
from toolkit.files.history import Entry
from toolkit.observe.overview import Overview, overview
from toolkit.observe.sources import Found
from toolkit.project import Project
from toolkit.state import gate

USERS = 100  # asked for; a screen has room for fewer
HISTORY = 10


class Picture(Overview, frozen=True, kw_only=True, rename="camel"):
    """`users` are some of the `users_total` on the old version; in `history` the newest comes first."""

    at: datetime
    project: str
    users: list[User] | None
    users_total: int | None
    history: list[Entry] | None


def picture(project: Project, found: Found, at: datetime) -> Picture:
    view, report, entries = overview(project, found), found.report.value, found.history.value
    old = view.deployment.old if view.deployment else None
    known = structs.asdict(view)
    return Picture(
        **known,
        at=at,
        project=str(project.config.project.name),  # msgspec encodes no subclass of str
        users=report.users if report else None,
        users_total=report.on(old).users if report and old else None,
        history=entries[: -HISTORY - 1 : -1] if entries is not None else None,
    )


def alarms(picture: Picture) -> Iterator[str]:
    """What somebody should look at, a line each."""
    yield from (f"{name}: {why}" for name, why in picture.silent.items())
    if picture.gate:
        held = picture.proxy.held if picture.proxy else None
        yield f"{gate.describe(picture.gate, picture.at, held)}; {gate.opener(picture.gate)}"
    if picture.unknown:
        yield f"sessions are unknown: {picture.unknown}"
    for name, slot in picture.slots.items():
        if slot.health not in (None, "healthy"):
            yield f"{name} is not healthy: {slot.health}" + (f": {slot.advice}" if slot.advice else "")
        if slot.passed_over:
            yield f"the proxy finds {name} down: {slot.passed_over}"
    yield from (f"{name} does not do its work: {why}" for name, why in picture.needs.items())
    if proxy := picture.proxy:
        if proxy.error:
            yield f"the proxy refused the state: {proxy.error}"
        if proxy.workers < proxy.expected:
            yield f"the proxy has {proxy.workers} of {proxy.expected} workers"
        if picture.generation not in (None, proxy.generation):
            yield f"the proxy has generation {proxy.generation}, the state is {picture.generation}"
        if proxy.activity and (trouble := feed_trouble(proxy.activity, picture.at)):
            yield f"the proxy's activity reports: {trouble}"


def feed_trouble(feed: Activity, now: datetime) -> str | None:
    """ "connection refused, 120 waiting, 3 lost"; rows that wait for a moment are no trouble."""
    stuck = bool(feed.queued) and feed.is_stale(now)
    if not (feed.error or feed.dropped or stuck):
        return None
    said = [feed.error] if feed.error else ["nothing is delivered"] if stuck else []
    said += [f"{feed.queued} waiting"] * bool(feed.queued) + [f"{feed.dropped} lost"] * bool(feed.dropped)
    return ", ".join(said)
