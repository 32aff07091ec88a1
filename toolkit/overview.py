"""All that `bgctl status` shows, from everybody who answers; what does not answer is unknown (None)."""

from msgspec import Struct

from toolkit import slots, state
from toolkit.engine import Container
from toolkit.errors import BgctlError
from toolkit.proxy import Status, reachable
from toolkit.sessions import Report
from toolkit.site import Site


class SlotView(Struct, frozen=True):
    """`health` is "healthy" or what is wrong; `container` is the engine's word, or "none"."""

    version: str | None
    state: str
    weight: int
    container: str | None
    health: str | None
    sessions: int | None
    open: int | None
    websockets: int | None


class ProxyView(Struct, frozen=True):
    generation: int | None
    workers: int
    expected: int
    error: str | None


class Overview(Struct, frozen=True):
    phase: str
    generation: int
    deployment: state.Deployment | None
    slots: dict[str, SlotView]
    proxy: ProxyView | None


def gather(site: Site) -> Overview:
    """Raises only when there is no usable state."""
    now, proxy = site.state(), reachable(site.proxy)
    containers, report = _containers(site), _report(site)
    views = {
        name: _slot(site, name, now.slots[name], containers, report, proxy) for name in ("blue", "green")
    }
    view = ProxyView(proxy.generation, len(proxy.live), proxy.expected, proxy.state_error) if proxy else None
    return Overview(now.phase, now.generation, now.deployment, views, view)


def _slot(
    site: Site,
    name: str,
    slot: state.Slot,
    containers: dict[str, Container] | None,
    report: Report | None,
    proxy: Status | None,
) -> SlotView:
    health = (slots.fault(site, name, slot.version) or "healthy") if slot.version else None
    sessions = report.on(slot.version).sessions if report and slot.version else None
    seen = proxy.slots.get(name) if proxy else None
    return SlotView(
        slot.version,
        slot.state,
        slot.weight,
        _container(site, name, containers),
        health,
        sessions,
        seen.open if seen else None,
        seen.websockets if seen else None,
    )


def _container(site: Site, slot: str, containers: dict[str, Container] | None) -> str | None:
    if containers is None:
        return None
    members = [containers.get(name) for name, _, _ in slots.members(site, slot)]
    return ", ".join(each.state.status if each else "none" for each in members)


def _containers(site: Site) -> dict[str, Container] | None:
    try:
        return site.engine.containers()
    except BgctlError:
        return None


def _report(site: Site) -> Report | None:
    try:
        return site.sessions.report()
    except BgctlError:
        return None
