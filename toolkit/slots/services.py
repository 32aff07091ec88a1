"""The compose services of a slot, and the addresses at which they are reached."""

from collections.abc import Iterable

from toolkit.config import Service
from toolkit.config.members import Member
from toolkit.health import check as health_check
from toolkit.health.check import Check
from toolkit.project import Project
from toolkit.state.document import State
from toolkit.values import Address


def containers(project: Project, slot: str) -> list[Member]:
    """The containers of a slot: green has none of a service that the release leaves unchanged."""
    everyone = project.config.members(slot)
    return everyone if slot == "blue" else [each for each in everyone if each.name not in unchanged(project)]


def home(project: Project, service: str, slot: str) -> str:
    """The slot whose containers of a service a slot has: its own, or blue's where that is unchanged."""
    return "blue" if service in unchanged(project) else slot


def unchanged(project: Project) -> tuple[str, ...]:
    """The services that the release leaves unchanged: the one under way, else the one to begin."""
    now = project.state_if_readable()
    return now.deployment.unchanged if now and now.deployment else project.leaves


def unchanged_names(project: Project) -> list[str]:
    """Blue's compose services of these."""
    return [each.compose for each in project.config.members("blue") if each.name in unchanged(project)]


def names(project: Project, slot: str) -> list[str]:
    """Every compose service of a slot."""
    return [member.compose for member in containers(project, slot)]


def names_of_all(project: Project, slot: str) -> list[str]:
    """As `names`, with those that green has in other releases."""
    return [member.compose for member in project.config.members(slot)]


def first_names(project: Project, slot: str) -> list[str]:
    """Of `names` one for each service: its replicas have the same image."""
    return [member.compose for member in containers(project, slot) if member.number == 1]


def members(project: Project, slot: str) -> list[tuple[str, Service, Address]]:
    """(compose service, configuration, address) of each service of a slot that has an address."""
    return [(each.compose, each.service, each.address) for each in _reached(project, slot)]


def workers(project: Project, slot: str) -> list[str]:
    """The compose services of a slot that have no address. Only the engine can tell how they are."""
    return [each.compose for each in containers(project, slot) if each.service.worker]


def checks(project: Project, slot: str) -> list[tuple[str, Check]]:
    """(compose service, its health check) of each service of a slot that has an address, on each host."""
    return [
        (each.compose, check)
        for each in _reached(project, slot)
        for check in _everywhere(project, health_check.of(project.config, each.name, slot, each.number))
    ]


def _everywhere(project: Project, check: Check) -> list[Check]:
    """The check of each host's own container; the one check where there is one host."""
    return [check.at(address) for address in project.addresses] or [check]


def first_checks(project: Project, slot: str) -> list[tuple[str, Check]]:
    """Of `checks` one for each service: what its image does, all its replicas do."""
    firsts = first_names(project, slot)
    return [(name, check) for name, check in checks(project, slot) if name in firsts]


def _reached(project: Project, slot: str) -> list[Member]:
    """The containers of a slot that have an address."""
    return [each for each in containers(project, slot) if not each.service.worker]


def addresses(project: Project, slots: Iterable[str]) -> list[tuple[str, Address]]:
    """(compose service, address) of the proxy, of the shared services, and of the given slots."""
    found = [(project.config.proxy_service, address) for _, address in project.config.listeners]
    found += [(name, each.at("address")) for name, each in project.config.shared.items()]
    return found + [(name, address) for slot in slots for name, _, address in members(project, slot)]


def public(project: Project) -> list[Address]:
    """The addresses of the proxy to which browsers come."""
    return [address for name, address in project.config.listeners if name != "proxy.control"]


def need_engine(project: Project) -> bool:
    """Whether the health of some service can be learned from the engine only."""
    reached = project.config.reached.values()
    return bool(project.config.workers) or any(service.health.by_engine for service in reached)


def has_sessions(now: State) -> bool:
    """Whether green is in production. A candidate and a preview are not."""
    return now.slots.green.state != "maint" and now.phase != "preview"


def describe(state: State) -> str:
    """ "blue 1.6.7 drain, green 1.6.8 ready 100" """
    slots = (("blue", state.slots.blue), ("green", state.slots.green))
    return ", ".join(
        f"{name} {slot.version} {slot.state}" + f" {slot.weight}" * bool(slot.weight)
        for name, slot in slots
        if slot.version
    )
