"""`bgctl status`: shows slots, sessions and what the proxy has applied."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal import humanize
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.clients.proxy_status import Mirror
    from toolkit.jwks.standing import Standing
    from toolkit.observe.overview import Overview, SlotView

COLUMNS = (
    *("slot", "version", "state", "weight", "container", "health"),
    *("sessions", "visitors", "requests", "WebSockets"),
)
MEANINGS = {
    "drain": "keeps the sessions that it has, gets no new ones",
    "maint": "gets no requests",
}


@click.command(
    "status",
    cls=Command,
    examples={
        "bgctl status": "",
        "bgctl status --json": "for scripts",
    },
)
@options.json_option
@click.pass_obj
def command(app: App, as_json: bool) -> None:
    """Show slots, sessions and what the proxy has applied.

    State: ready gets new sessions (weight: what share of them, in percent) and keeps its own; drain keeps its
    own and gets no new ones; maint gets no requests. Generation: the number of the last change of routing.
    """
    from toolkit.observe import overview

    project = options.project(app, as_json)
    view = overview.gather(project)
    if as_json:
        project.ui.emit(view)
        return
    now = project.now()
    project.ui.say(headline(view, now))
    project.ui.table(COLUMNS, [row(name, slot) for name, slot in view.slots.items()], turns=True)
    if project.ui.watched:
        for line in meanings(view):
            project.ui.say(line, "dim")
    for line in remarks(view, now):
        project.ui.say(line)


def headline(view: "Overview", now: datetime) -> str:
    about = ""
    if release := view.deployment:
        since = humanize.since(release.started_at, now)
        what = f"{release.new} restarts" if release.is_restart else f"{release.old} -> {release.new}"
        about = f": {what}, step {release.step}, {since}"
    return f"phase {view.phase}{about}; generation {view.generation}"


def meanings(view: "Overview") -> Iterator[str]:
    """Of the states that slots are in."""
    states = {slot.state for slot in view.slots.values() if slot.version}
    yield from (f"{state}: {meaning}" for state, meaning in MEANINGS.items() if state in states)


def row(name: str, slot: "SlotView") -> list[object]:
    counts = (slot.sessions, slot.visitors, slot.open_requests, slot.websockets)
    known = ["unknown" if slot.version and count is None else count for count in counts]
    return [name, slot.version, slot.state, slot.weight, slot.container or "unknown", slot.health, *known]


def remarks(view: "Overview", now: datetime) -> Iterator[str]:
    from toolkit.observe import node
    from toolkit.state import gate

    yield proxy_line(view)
    yield from node.lines(view.told, now)
    if view.deployment and (left := view.deployment.unchanged):
        yield f"unchanged in {view.deployment.new}, for both versions: {', '.join(left)}"
    if view.gate:
        held = view.proxy.held if view.proxy else None
        yield f"{gate.describe(view.gate, now, held)}; next: {gate.opener(view.gate)}"
    for name, slot in view.slots.items():
        if slot.passed_over:
            yield f"the proxy finds {name} down: {slot.passed_over}{because(slot)}; next: bgctl up"
        elif slot.is_down:
            yield f"{name} is down: {slot.health}{because(slot)}; next: bgctl up"
        elif slot.serves_partly:
            yield f"{name} has {slot.health}{because(slot)}; next: bgctl up"
        elif slot.replicas_passed_over:
            yield f"the proxy passes over {replicas(slot)}; next: bgctl up"
    yield from (each.line for each in view.differences or ())
    if view.other_files:
        yield f"{view.other_files}; next: copy them from there"
    for name, why in view.needs.items():
        yield f"{name} does not do its work: {why}; next: bgctl up"
    yield from map(jwks_line, view.jwks, view.jwks.values())
    if view.deployment and view.proxy and view.proxy.mirror:
        yield mirror_line(view.proxy.mirror)
    if view.deployment and view.migrated is not None:
        yield f"{humanize.percent(view.migrated)} of sessions and visitors are on {view.deployment.new}"
    if view.deployment and view.forecast and (empty := humanize.forecast(view.forecast, now)):
        yield f"{view.deployment.old} is empty: {empty}"
    if view.unknown:
        yield f"sessions are unknown: {view.unknown}"
    yield from (f"{name}: {why}" for name, why in view.silent.items() if name != "proxy")


def jwks_line(name: str, provider: "Standing") -> str:
    """How old a provider's keys are, and what is wrong with them."""
    from toolkit.jwks import standing

    if provider.error:
        return f"the keys of {name}: {provider.error}; {standing.held(provider)}; next: {provider.next}"
    return f"the keys of {name} are as of {humanize.span(provider.age or 0)} ago"


def because(slot: "SlotView") -> str:
    """The likely cause, and what to write."""
    return f" ({slot.advice})" if slot.advice else ""


def replicas(slot: "SlotView") -> str:
    """Those that the proxy finds down, each with why."""
    return ", ".join(f"{name} ({why})" for name, why in slot.replicas_passed_over.items())


def mirror_line(mirror: "Mirror") -> str:
    dropped = f", {mirror.dropped} more were too much for it" if mirror.dropped else ""
    return f"{mirror.version} was sent copies of {mirror.requests} requests: {mirror.errors} errors{dropped}"


def proxy_line(view: "Overview") -> str:
    if not (proxy := view.proxy):
        return "the proxy does not answer; next: bgctl up"
    seen = f"proxy: {proxy.workers} of {proxy.expected} workers, generation {proxy.generation} applied"
    return f"{seen}; the state was refused: {proxy.error}" if proxy.error else seen
