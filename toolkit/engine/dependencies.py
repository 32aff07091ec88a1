"""The services that others need before they start: `depends_on` of the compose file, with its conditions."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from toolkit.engine.compose import COMPLETED, HEALTHY, STARTED, Compose
from toolkit.engine.compose_lines import place
from toolkit.errors import BgctlError, Refused

Paths = Sequence[Path]
STRENGTH = {STARTED: 0, HEALTHY: 1, COMPLETED: 2}


class Dependency(Struct, frozen=True):
    """A service that another one needs first; `one_shot`: it has to have run and ended with exit code 0."""

    service: str
    condition: str
    wanted_by: str

    @property
    def one_shot(self) -> bool:
        return self.condition == COMPLETED


def plan(found: Compose, of: Iterable[str], apart: Collection[str], paths: Paths) -> list[Dependency]:
    """The services that `of` need, directly or not, in the order in which they have to be started.

    `apart` are services that are started in their own way: neither they nor their needs are in the plan. Of
    two conditions for one service the stronger one holds. Raises Refused, with the line in one of `paths`,
    for a service that is not in the compose file.
    """
    needed: dict[str, Dependency] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        for service, condition in found.services[name].needs.items():
            if service in apart or service in above:
                continue
            if service not in found.services:
                if not found.services[name].can_spare(service):
                    raise _absent(name, service, paths)
                continue
            visit(service, (*above, service))
            known = needed.get(service)
            if known is None or _strength(condition) > _strength(known.condition):
                needed[service] = Dependency(service, condition, name)

    for name in of:
        if name in found.services:  # one that is missing is told by compose_fit
            visit(name, (name,))
    return list(needed.values())


def problems(found: Compose, needed: Iterable[Dependency], paths: Paths) -> Iterator[BgctlError]:
    """One-shots that could not run once for each version: they never end, or have no image with a version."""
    for each in needed:
        if not each.one_shot:
            continue
        service = found.services[each.service]
        if service.restart in ("always", "unless-stopped"):
            what = f"{_where(paths, each.service)} has restart: {service.restart}"
            why = f"{each.wanted_by} waits until it has completed, which it never does"
            yield Refused(what, why, 'write restart: "no" for it')
        if not service.image:
            why = "it runs once for each version, and an image without a name has none"
            mend = f"write beside its build: image: {each.service}:${{VERSION}}"
            yield Refused(f"{_where(paths, each.service)} has no image", why, mend)


def in_order(found: Compose, names: list[str]) -> list[str]:
    """The services of a slot, each after those of the slot that it needs."""
    ordered: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        for service in found.services[name].needs if name in found.services else ():
            if service in names and service not in above:
                visit(service, (*above, service))
        ordered[name] = None

    for name in names:
        visit(name, (name,))
    return list(ordered)


def _strength(condition: str) -> int:
    return STRENGTH.get(condition, 0)


def _absent(name: str, service: str, paths: Paths) -> Refused:
    why = f"it depends on {service}, which is not there, or has a profile that is not in use"
    return Refused(
        _where(paths, name), why, f"write {service} without profiles, or remove it from depends_on"
    )


def _where(paths: Paths, service: str) -> str:
    return f"{place(paths, service)}: {service}"
