"""What is wrong with a slot, or with a shared service, at this moment, and what probably causes it."""

from collections.abc import Iterable, Iterator

from msgspec import structs

from toolkit.config import SLOTS
from toolkit.engine import container_health
from toolkit.errors import BgctlError
from toolkit.health import cause as health_cause
from toolkit.health import check as health_check
from toolkit.health import idle
from toolkit.health import proof as health_proof
from toolkit.health.answer import Fault
from toolkit.health.cause import Trouble
from toolkit.health.check import Check
from toolkit.project import Project
from toolkit.slots.services import checks, first_checks, workers
from toolkit.state.document import State


def fault(project: Project, slot: str, version: str) -> str | None:
    """Why a slot does not serve `version` at this moment, with the likely cause and its remedy; or None."""
    found = trouble(project, slot, version)
    return str(found) if found else None


def trouble(project: Project, slot: str, version: str) -> Trouble | None:
    """As `fault`, with symptom, cause and remedy apart."""
    for name, check in checks(project, slot):
        if found := look(project, name, check, version):
            return explained(project, name, check, found)
    for name in workers(project, slot):
        if problem := container_health.fault(project.engine.look(name)):
            return Trouble(f"{name}: {problem}")
    return None


def shared_trouble(project: Project, name: str) -> Trouble | None:
    """Why a service that both versions share is not healthy, or None."""
    check = health_check.of(project.config, name)
    found = look(project, name, check, None)
    return explained(project, name, check, found) if found else None


def troubles(project: Project, now: State) -> Iterator[Trouble]:
    """The trouble of each slot and shared service that should be healthy by the state.

    The session API is left out: its own client says more about it.
    """
    for slot in SLOTS:
        version = now.slots[slot].version
        if version and now.slots[slot].state != "maint" and (found := trouble(project, slot, version)):
            yield found
    for name, service in project.config.shared.items():
        if service.address != project.config.sessions.address and (found := shared_trouble(project, name)):
            yield found


def look(project: Project, name: str, check: Check, version: str | None) -> Fault | None:
    """What is wrong with one service at this moment. Every kind of health check is dispatched here."""
    return _of_answer(project, name, check, version) or image_fault(project, name, check, version)


def _of_answer(project: Project, name: str, check: Check, version: str | None) -> Fault | None:
    """What the service answers, or what the engine says of a service that is not asked itself."""
    if not check.by_engine:
        return health_proof.probe(check, version)
    try:
        problem = container_health.fault(project.engine.look(name))
    except BgctlError:  # Routing must not wait for an engine, so a service that listens counts as healthy.
        return Fault("no_answer", "connection refused") if project.is_free(check.address) else None
    return Fault("engine", problem) if problem else None


def image_fault(project: Project, name: str, check: Check, version: str | None) -> Fault | None:
    """Why the image of a service does not prove its version, where the image is to prove it; or None."""
    if version is None or check.proof != "image":
        return None
    return project.image_proof.fault(name, check, version)


def explained(project: Project, name: str, check: Check, found: Fault) -> Trouble:
    """The fault with its likely cause. The symptom begins with the name of the service."""
    told = health_cause.of(found, check, project.config, project.config_path)
    if found.kind == "no_answer" and (gone := _not_running(project, name)):
        told = Trouble(found.seen, gone)
    return structs.replace(told, seen=f"{name}: {told.seen}")


def _not_running(project: Project, name: str) -> str | None:
    """Why a service cannot answer, if its container does not run. A silent engine adds no explanation."""
    try:
        found = project.containers().get(name)
    except BgctlError:
        return None
    if found is None:
        return "it has no container"
    return None if found.state.running else f"its container exited with code {found.state.exit_code}"


def contradictions(project: Project, slot: str, version: str) -> list[str]:
    """A warning for each service whose image proves `version` while its health path names another one."""
    asked = [(name, check) for name, check in first_checks(project, slot) if not check.by_engine]
    by_image = [(name, check) for name, check in asked if check.proof == "image"]
    found = [(name, health_proof.contradiction(check, version)) for name, check in by_image]
    return [
        f"{name} runs the image of {version}, and its health path says {told}: where these should agree, "
        f'the image was built from other code (version = "json" would insist)'
        for name, told in found
        if told
    ]


def watch_idle(
    project: Project, slots: Iterable[str], shared: bool = False, believe: bool = False
) -> idle.Watch:
    """Begins to measure how long the services of these slots, and shared ones, keep idle connections."""
    services = [each for slot in slots for each in first_checks(project, slot)]
    if shared:
        services += [(name, health_check.of(project.config, name)) for name in project.config.shared]
    return idle.Watch(services, project.config.proxy.upstream_keepalive, believe)
