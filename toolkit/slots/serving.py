"""Whether the containers of a slot serve a version, and whether they are there at all."""

from toolkit.engine import container_health
from toolkit.engine.compose import Compose
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.files import releases_file
from toolkit.health.check import Check
from toolkit.project import Project
from toolkit.slots.services import checks, names, names_of_all, workers
from toolkit.slots.trouble import image_fault, look

TRIES = 3  # One slow answer is no reason to restart what may be serving people.


def serves(project: Project, slot: str, version: str) -> bool:
    """Whether all of a slot serves `version`. A slot that does not gets restarted."""
    reached = all(answers(project, name, check, version) for name, check in checks(project, slot))
    if not (reached and workers(project, slot)):
        return reached
    try:
        return not idle_workers(project, slot, version, compose_file(project, slot, version))
    except BgctlError:
        return True  # A silent engine could restart nothing, and must not keep a rollback waiting.


def answers(project: Project, name: str, check: Check, version: str | None) -> bool:
    """Whether a service is healthy and, where `version` is given, is on that version."""
    return any(look(project, name, check, version) is None for _ in range(TRIES))


def to_start(project: Project, slot: str, version: str, found: Compose) -> set[str]:
    """The services of a slot that do not run `version`. One that has just been started is left to come up.

    So is one that serves on any of several hosts: to start it anew would end it on all of them, and the
    others' is brought back by their engine (decision record 99).
    """
    asked = checks(project, slot)
    up = {name for name, check in asked if _is_up(project, name, check, version)}
    return {name for name, _ in asked} - up | set(idle_workers(project, slot, version, found, starting=True))


def _is_up(project: Project, name: str, check: Check, version: str) -> bool:
    """Whether the service does not need to be started for the sake of this one of its addresses."""
    there = project.engine.containers().get(name)
    if there is None or not (there.state.running or there.state.partly):
        return False
    if check.by_engine and _comes(project.engine.look(name)):
        return image_fault(project, name, check, version) is None
    return answers(project, name, check, version)


def _comes(container: Container | None) -> bool:
    """Whether its engine starts it, or what is missing of it, at this moment."""
    return container is not None and (container.state.partly or container_health.is_starting(container))


def idle_workers(
    project: Project, slot: str, version: str, found: Compose, starting: bool = False
) -> list[str]:
    """The workers of a slot that are not at work with the image that the compose file `found` has for them.

    Nor with the one with which they were left unchanged by the release of `version`.

    `starting`: workers that have just been started count as at work.
    """
    seen = {name: project.engine.look(name) for name in workers(project, slot)}
    left = {name: releases_file.image_left(project.state_dir, name, version) for name in seen}
    images = {name: found.image(name) for name in seen if name in found.services}
    return [
        name
        for name, each in seen.items()
        if each is None
        or (container_health.fault(each) and not (starting and _comes(each)))
        or not (each.runs(images.get(name, "")) or each.has_image(left[name]))
    ]


def compose_file(project: Project, slot: str, version: str) -> Compose:
    """The compose file with `version` in this slot, for the order of its services and the workers' images.

    It is empty for a slot of one service, which needs neither: reading it takes a second. It is also empty
    where it cannot be read: a broken compose file must not keep a rollback from a slot that runs.
    """
    if len(names(project, slot)) == 1:
        return Compose({})
    try:
        return project.engine.compose(project.env_with(slot, version))
    except BgctlError:
        return Compose({})


def dead(project: Project, slot: str) -> bool:
    """Whether some container of a slot does not run, and will not be started by the engine itself."""
    return any(project.engine.dead(name) for name in names(project, slot))


def absent(project: Project, slot: str) -> bool:
    """Whether no container of this slot is left, running or not."""
    found = project.engine.containers()
    return not any(name in found for name in names_of_all(project, slot))
