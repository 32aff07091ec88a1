"""The peers of other hosts, which stand in for a slot of this one: all have the same at the same ports."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from toolkit.config import Config
from toolkit.engine.host import Host
from toolkit.health import check as health_check
from toolkit.health.check import Check
from toolkit.values import Address


class Spare(Struct, frozen=True):
    """A container of a slot on the host that is called `node`, and how it is asked for its health."""

    node: str
    slot: str
    check: Check

    @property
    def address(self) -> Address:
        return self.check.address


def of(config: Config, hosts: Sequence[Host], name: str) -> list[Spare]:
    """Those of service `name`, on every host: all have the same files, and each leaves its own out."""
    return [
        Spare(host.name, each.slot, health_check.of(config, name, each.slot, each.number).at(host.address))
        for host in _several(hosts)
        for each in (config.pair(name) if name in config.reached else ())
    ]


def of_all(config: Config, hosts: Sequence[Host]) -> Iterator[Spare]:
    for name in config.reached:
        yield from of(config, hosts, name)


def session_apis(config: Config, hosts: Sequence[Host]) -> list[Address]:
    """Where the session API of each host is."""
    return [config.sessions.address.at(host.address) for host in _several(hosts)]


def _several(hosts: Sequence[Host]) -> Sequence[Host]:
    """One host has nobody to stand in for it."""
    return hosts if len(hosts) > 1 else ()
