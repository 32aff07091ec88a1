"""Addresses in bgctl.toml that two settings name, or that have no room."""

from collections.abc import Iterator

from toolkit.config.configuration import Config
from toolkit.config.table import Where
from toolkit.values import SLOTS, Address

LAST_PORT = 65535


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    yield from _wildcards(config)
    seen: dict[object, str] = {}
    claims: list[tuple[Where, object]] = [(tuple(name.split(".")), each) for name, each in config.listeners]
    for name, service in config.services.items():
        claims += [(("services", name, key), getattr(service, key)) for key in (*SLOTS, "address")]
    claims += [(("neighbours", name, "address"), each.address) for name, each in config.neighbours.items()]
    for where, value in claims:
        if value is not None and value in seen:
            yield where, f"{value} is already taken by {seen[value]}; each needs its own"
        seen[value] = ".".join(where)
    yield from _replicas(config, seen)


def _replicas(config: Config, seen: dict[object, str]) -> Iterator[tuple[Where, str]]:
    """Replicas beyond the first that have no port, or whose address is one of those `seen`, by setting.

    Where two rows of replicas overlap, one of them has the other one's first address.
    """
    for name, service in config.reached.items():
        for slot in SLOTS:
            first: Address | None = getattr(service, slot)
            where = ("services", name, slot)
            if first is None:
                continue  # which is told of the service
            if first.port + service.replicas - 1 > LAST_PORT:
                yield where, f"leaves no ports for {service.replicas} replicas; begin at a lower one"
                continue
            for number in range(2, service.replicas + 1):
                value = first.after(number - 1)
                if value in seen:
                    mend = f"write addresses that leave room for {service.replicas} ports"
                    yield where, f"has replica {number} at {value}, which {seen[value]} has taken; {mend}"


def _wildcards(config: Config) -> Iterator[tuple[Where, str]]:
    """Two of the proxy's listeners on one port, of which one takes every address.

    Within one setting they may be of both families: then each takes those of its own.
    """
    for number, (name, address) in enumerate(config.listeners):
        for other, before in config.listeners[:number]:
            pair = (address, before)
            apart = name == other and (":" in address.host) != (":" in before.host)
            same = address.port == before.port and address.host != before.host
            if same and not apart and any(each.wildcard for each in pair):
                mend = "give it another port" if name != other else "keep one"
                yield tuple(name.split(".")), f"{address} clashes with {other}; {mend}"
                break
