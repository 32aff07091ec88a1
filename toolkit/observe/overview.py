"""What `bgctl status` and `bgctl monitor` show; what nobody could say is unknown (None)."""

from collections.abc import Iterator

from msgspec import Struct

from toolkit import slots
from toolkit.clients import proxy
from toolkit.clients.session_api import Count, Forecast, Report
from toolkit.config import SLOTS
from toolkit.engine import container_health
from toolkit.files import needs_file
from toolkit.observe.sources import Containers, Found, Sources
from toolkit.project import Project
from toolkit.state import document


class SlotView(Struct, frozen=True, rename="camel"):
    """`health` is "healthy" or what is wrong; `container` is the engine's word, or "none".

    `sessions`, `users` and `visitors` are those of its version. `open` counts WebSockets too. `error_rate` is
    the share of answers that were 5xx: since the last look, or since the proxy started; None without any.
    `passed_over` says why the proxy's own checks find it down; None: they do not. `advice`: the likely
    cause of what is wrong, and what to write.
    """

    version: str | None
    state: str | None
    weight: int | None
    container: str | None
    health: str | None
    sessions: int | None
    users: int | None
    visitors: int | None
    open: int | None
    websockets: int | None
    error_rate: float | None
    passed_over: str | None = None
    advice: str | None = None

    @property
    def is_down(self) -> bool:
        """Whether it should serve people, and does not."""
        return self.state in ("ready", "drain") and self.health not in (None, "healthy")

    @property
    def requests(self) -> int | None:
        """In flight."""
        return None if self.open is None or self.websockets is None else self.open - self.websockets


class ProxyView(Struct, frozen=True):
    generation: int | None
    workers: int
    expected: int
    error: str | None
    activity: proxy.Activity | None
    held: int = 0
    mirror: proxy.Mirror | None = None


class Overview(Struct, frozen=True, rename="camel"):
    """`migrated` is the share of sessions and visitors that are on the new version.

    `unknown` says why counts are not known, `silent` who did not answer, and why. `needs`: of the services
    that the project depends on, those that do not run, and why.
    """

    phase: str | None
    generation: int | None
    deployment: document.Deployment | None
    slots: dict[str, SlotView]
    proxy: ProxyView | None
    migrated: float | None
    forecast: Forecast | None
    unknown: str | None
    silent: dict[str, str]
    gate: document.Gate | None = None
    needs: dict[str, str] = {}


def gather(project: Project) -> Overview:
    """Raises only when there is no usable state."""
    project.state()
    return overview(project, Sources(project).wait())


def overview(project: Project, found: Found) -> Overview:
    now, report = found.state.value, found.report.value
    release = now.deployment if now else None
    return Overview(
        now.phase if now else None,
        now.generation if now else None,
        release,
        {name: _slot(project, name, found) for name in SLOTS},
        _proxy(found.proxy.value),
        migrated(report, release) if report and release else None,
        report.forecast if report else None,
        report.unknown if report else None,
        dict(_silent(found)),
        now.gate if now else None,
        _needs(project, found.containers.value),
    )


def migrated(report: Report, release: document.Deployment) -> float | None:
    """None while something is unknown, or when there is nobody."""
    old, new = (people(report.on(version)) for version in (release.old, release.new))
    if old is None or new is None or not old + new:
        return None
    return new / (old + new)


def people(count: Count) -> int | None:
    """Sessions and visitors."""
    if count.sessions is None or count.anonymous is None:
        return None
    return count.sessions + count.anonymous


def error_rate(now: proxy.Slot, before: proxy.Slot | None) -> float | None:
    """Since `before`, unless the proxy has started anew; None without a request."""
    if now.served is None or now.errors is None:
        return None
    served, errors = (before.served or 0, before.errors or 0) if before else (0, 0)
    if now.served < served or now.errors < errors:
        served = errors = 0
    return (now.errors - errors) / (now.served - served) if now.served > served else None


def _slot(project: Project, name: str, found: Found) -> SlotView:
    seen = found.proxy.value.slots.get(name) if found.proxy.value else None
    slot = found.state.value.slots[name] if found.state.value else seen  # the proxy keeps the last good state
    version = slot.version if slot else None
    unknown = Count(None, None)
    count = found.report.value.on(version) if found.report.value and version else unknown
    before = found.proxy.before.slots.get(name) if found.proxy.before else None
    return SlotView(
        version,
        slot.state if slot else None,
        slot.weight if slot else None,
        _container(project, name, found.containers.value),
        (health.word or None) if (health := found.health[name].value) else None,
        count.sessions,
        count.users,
        count.anonymous,
        seen.open if seen else None,
        seen.websockets if seen else None,
        error_rate(seen, before) if seen else None,
        seen.health.why if seen and seen.health.up is False else None,
        (health.advice or None) if health else None,
    )


def _needs(project: Project, containers: Containers | None) -> dict[str, str]:
    if containers is None:
        return {}
    return container_health.faults(needs_file.read(project.needs_path), containers)


def _container(project: Project, slot: str, containers: Containers | None) -> str | None:
    if containers is None:
        return None
    members = [containers.get(name) for name in slots.names(project, slot)]
    return ", ".join(each.state.status if each else "none" for each in members)


def _proxy(seen: proxy.Status | None) -> ProxyView | None:
    if seen is None:
        return None
    held = seen.gate.held if seen.gate else 0
    now = (seen.generation, len(seen.live), seen.expected, seen.state_error, seen.activity)
    return ProxyView(*now, held, seen.mirror)


def _silent(found: Found) -> Iterator[tuple[str, str]]:
    said = {"state": found.state, "history": found.history, "engine": found.containers}
    said |= {"proxy": found.proxy, "session API": found.report}
    if found.state.value:  # without it nobody knows what should be healthy
        said |= {f"health of {slot}": answer for slot, answer in found.health.items()}
    for name, answer in said.items():
        if answer.fault:
            yield name, answer.fault.removeprefix(f"the {name} ")
