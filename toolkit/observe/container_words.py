"""Says how containers are, as the engine and the proxy see them: in words for one slot, and by service."""

from collections import defaultdict

from toolkit import slots
from toolkit.clients import proxy_status
from toolkit.engine import container_health
from toolkit.files import needs_file
from toolkit.observe.sources import Containers
from toolkit.project import Project


def of_needs(project: Project, containers: Containers | None) -> dict[str, str]:
    if containers is None:
        return {}
    return container_health.faults(needs_file.read(project.needs_path), containers)


def of_slot(project: Project, slot: str, containers: Containers | None) -> str | None:
    if containers is None:
        return None
    by_service: dict[str, list[str]] = defaultdict(list)
    for member in slots.containers(project, slot):
        found = containers.get(member.compose)
        by_service[member.name].append(found.state.status if found else "none")
    return ", ".join(map(_of_replicas, by_service.values()))


def _of_replicas(words: list[str]) -> str:
    """ "running", or where replicas differ "2 of 3 running"."""
    if len(set(words)) == 1:
        return words[0]
    return f"{words.count('running')} of {len(words)} running"


def passed_over(project: Project, seen: proxy_status.Slot) -> dict[str, str]:
    """The replicas that the proxy finds down, by compose service, each with why."""
    reached = [each for each in project.config.placed.values() if not each.service.worker]
    called = {str(each.address): each.compose for each in reached}
    return {called.get(each.address, each.address): each.why for each in seen.health.passed}
