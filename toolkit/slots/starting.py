"""Starts a slot on a version, in the order of the compose file, and proves each of its services."""

from collections.abc import Iterator, Mapping
from functools import partial

from toolkit.drift import noting
from toolkit.engine import container_health, dependencies
from toolkit.engine.compose import HEALTHY, Compose
from toolkit.errors import Failed
from toolkit.health import proof as health_proof
from toolkit.health.cause import Trouble
from toolkit.health.check import Check
from toolkit.health.proof import Unhealthy
from toolkit.project import Project
from toolkit.slots import crossing, file_copies, keeping, kept_files, proven
from toolkit.slots.services import checks, names, unchanged_names, workers
from toolkit.slots.serving import compose_file, to_start
from toolkit.slots.trouble import explained, image_fault


def start(project: Project, slot: str, version: str, anew: bool = False) -> str:
    """Starts the services of a slot that do not run `version` yet, and proves all. Returns a note.

    They start on the images with which the version was proven, unless it is to be proven `anew`. Raises
    Refused, with nothing changed, where these are gone.
    """
    env, found = project.env_with(slot, version), compose_file(project, slot, version)
    missing = to_start(project, slot, version, found)
    held = [] if anew else _hold(project, missing, version, env)
    if slot == "green":
        crossing.join(project, version)
    for name, waits_for in _in_order(missing, found, names(project, slot)):
        for other in waits_for:
            _prove_member(project, slot, other, version)
        noting.up(project, name, env, keep=partial(keeping.keep, project))
    if not anew:
        proven.verify(project, missing, version)
    prove(project, slot, version)
    file_copies.take(project, slot, version)
    kept_files.take(project, slot, version)
    return "; ".join([f"{slot} is healthy on {version}", *held])


def start_unchanged(project: Project, version: str) -> str:
    """Starts what green has of blue's where it does not run, on blue's `version`. Returns a note.

    For a blue that is out of service: otherwise these start with it.
    """
    everyone, env = unchanged_names(project), project.env_with("blue", version)
    missing = {name for name in everyone if not project.engine.running(name)}
    held = _hold(project, missing, version, env)
    for name in everyone:
        if name in missing:
            noting.up(project, name, env, keep=partial(keeping.keep, project))
    return "; ".join([f"{', '.join(everyone)} run", *held])


def _hold(project: Project, services: set[str], version: str, env: Mapping[str, str]) -> list[str]:
    """Reads the compose file only where something starts, and is known of its images: it takes a second."""
    if not (services and proven.known(project).of(version)):
        return []
    return proven.hold(project, project.engine.compose(env), sorted(services), version)


def _in_order(missing: set[str], found: Compose, everyone: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each service that is to be started, with the services of its slot that have to be healthy before it."""
    for name in dependencies.in_order(found, everyone):
        if name in missing:
            needs = found.services[name].needs if name in found.services else {}
            yield name, [each for each in needs if each in everyone and needs[each] == HEALTHY]


def _prove_member(project: Project, slot: str, name: str, version: str) -> None:
    own = [check for each, check in checks(project, slot) if each == name]
    for check in own:
        prove_service(project, name, check, version)
    if not own:
        prove_by_engine(project, name)


def prove(project: Project, slot: str, version: str) -> None:
    """Proves that all of a slot is healthy and on `version`. Raises Failed with the last log lines."""
    for name, check in checks(project, slot):
        prove_service(project, name, check, version)
    for name in workers(project, slot):
        prove_by_engine(project, name)


def prove_service(project: Project, name: str, check: Check, version: str | None) -> None:
    """Raises Failed with the likely cause, its remedy, and the container's last log lines."""
    try:
        if check.by_engine:
            prove_by_engine(project, name)
        else:
            dead = lambda: project.engine.dead(name)  # noqa: E731
            health_proof.prove(name, check, version, project.config.health, dead)
    except Unhealthy as error:
        found = explained(project, name, check, error.fault) if error.fault else Trouble("")
        why = f"{error.why}: {found.why}" if found.why else error.why
        raise Failed(error.what, why, found.next or "bgctl status", project.engine.logs(name)) from None
    if fault := image_fault(project, name, check, version):
        told = explained(project, name, check, fault)
        raise Failed(f"{name} is not healthy", f"{told.seen}: {told.why}", told.next or "bgctl status")


def prove_by_engine(project: Project, name: str) -> None:
    """Proves a service whose health the engine tells: workers, and others where bgctl.toml says so.

    Raises Failed with the container's last log lines.
    """
    try:
        container_health.prove(name, lambda: project.engine.look(name), project.config.health)
    except Failed as error:
        raise Failed(error.what, error.why, "bgctl status", project.engine.logs(name)) from None
