"""The sites behind the proxy: which routes there are at which hosts. Each becomes a server block of nginx."""

from msgspec import Struct
from msgspec.structs import replace

from toolkit.config import Config, hosts
from toolkit.config.edge_kinds import HostName
from toolkit.rendering import certificates, locations


class Site(Struct, frozen=True):
    """`hosts` is empty for the first site, which takes all that no other one names.

    `routes` are (service, location) in the order of bgctl.toml. A site that is `refused`, or a `neighbour`'s,
    has none. `certificate` is the table of bgctl.toml that names it; "": there is no TLS.
    """

    hosts: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    neighbour: str = ""
    refused: bool = False
    certificate: str = ""


def of(config: Config) -> list[Site]:
    """The site of all other hosts, then the others. Hosts with the same routes and certificate share one."""
    sources = certificates.all_of(config)
    refused = config.proxy.unknown_hosts == "refuse"
    usual = Site((), () if refused else _routes(config, None), refused=refused)
    found: dict[Site, list[str]] = {}
    owners = {host: name for name, each in config.neighbours.items() for host in each.hosts}
    for host in hosts.named(config):
        name = owners.get(host, "")
        own = Site(
            routes=() if name else _routes(config, host),
            neighbour=name,
            certificate=certificates.of_host(sources, host).setting if sources else "",
        )
        found.setdefault(own, []).append(str(host))
    return [
        replace(usual, certificate="tls" if sources else ""),
        *(replace(site, hosts=tuple(names)) for site, names in found.items()),
    ]


def _routes(config: Config, host: HostName | None) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, route) for name, routes in locations.by_service(config, host).items() for route in routes
    )
