"""The hosts that a configuration names, and which of its services are at each of them."""

from collections.abc import Iterator

from toolkit.config.configuration import Config
from toolkit.config.edge_kinds import HostName
from toolkit.config.service_table import Service


def named(config: Config) -> list[HostName]:
    """Each host that a service, a certificate or a neighbour names, once."""
    found = [host for each in config.services.values() for host in each.hosts]
    found += [host for each in config.certificates.values() for host in each.hosts]
    found += [host for each in config.neighbours.values() for host in each.hosts]
    return list(dict.fromkeys(found))


def services_at(config: Config, host: HostName | None) -> Iterator[dict[str, Service]]:
    """The services at a host (None: at those that nothing names): which name it, then which name none.

    Where two services of different groups have one route, it is the first group's.
    """
    if host:
        yield {name: service for name, service in config.services.items() if host in service.hosts}
    yield {name: service for name, service in config.services.items() if not service.hosts}


def first(config: Config) -> str:
    """The host of the app that browsers are sent to; "": services name none but wildcards."""
    found = (host for service in config.reached.values() for host in service.hosts)
    return next((str(host) for host in found if not host.wildcard), "")


def covers(pattern: str, host: str) -> bool:
    """Whether a name of a certificate is good for `host` (RFC 9525, 6.3: a wildcard stands for one label).

    A wildcard in `host` has to be in the certificate as it is.
    """
    pattern = pattern.lower()
    return pattern == host or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])
