"""What is wrong with [services.*] static and accel, the folders whose files the proxy sends."""

from collections.abc import Iterator

from toolkit.config import served_folders
from toolkit.config.configuration import Config
from toolkit.config.kinds import Prefix
from toolkit.config.served_folders import Served
from toolkit.config.table import Where


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    taken = {
        (route.rpartition(" ")[2], host): f"services.{name}.routes"
        for name, service in config.services.items()
        for route in service.routes
        for host in service.hosts or (None,)
    }
    known: list[Served] = []
    for each in served_folders.of(config.services):
        where = ("services", each.service, each.setting)
        if not config.services[each.service].slotted or config.services[each.service].worker:
            yield where, "is for a service with two slots and addresses; remove it"
            continue
        try:
            Prefix.parse(each.prefix)
        except ValueError as error:
            yield where, str(error)
            continue
        places = [(each.prefix, host) for host in config.services[each.service].hosts or (None,)]
        for owner in {taken[place]: None for place in places if place in taken}:
            yield where, f"{each.prefix!r} is already taken by {owner}; each needs its own"
        for other in known:
            if each.service == other.service and _within(each.prefix, other.prefix):
                yield where, f"{each.prefix!r} and {other.prefix!r} lie one in the other; keep the outer one"
        taken |= dict.fromkeys(places, ".".join(where))
        known.append(each)


def _within(one: str, other: str) -> bool:
    return one != other and (one.startswith(other) or other.startswith(one))
