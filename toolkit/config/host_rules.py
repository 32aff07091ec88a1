"""What is wrong with hosts, certificates for them, and neighbours, that the kinds of settings cannot say."""

import re
from collections.abc import Iterator

from toolkit.config import hosts
from toolkit.config.configuration import Config
from toolkit.config.service_table import Service
from toolkit.config.table import Where

CHALLENGES = "/.well-known/acme-challenge/"


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    if config.proxy.unknown_hosts == "refuse" and not hosts.named(config):
        why = 'is "refuse", and no service names a host: nobody could come'
        yield ("proxy", "unknown_hosts"), f'{why}; add hosts = ["shop.example"] to a service'
    if config.certificates and not config.tls.on:
        yield ("certificates",), "needs one for all other hosts; add [tls] certificate and key"
    for table in ("certificates", "neighbours"):
        yield from _once(config, table)
    yield from _names(config)
    for name, neighbour in config.neighbours.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
            yield ("neighbours", name), 'cannot be the name of a neighbour; use small letters, digits and "-"'
        for service, other in config.services.items():
            if shared := [host for host in neighbour.hosts if host in other.hosts]:
                why = f"has {shared[0]}, which services.{service} has, too"
                yield ("neighbours", name, "hosts"), f"{why}; a neighbour has all of a host: remove one"
    yield from _locations(config)


def _names(config: Config) -> Iterator[tuple[Where, str]]:
    for table in ("services", "certificates", "neighbours"):
        for name, each in getattr(config, table).items():
            where = (table, name, "hosts")
            if table != "services" and not each.hosts:
                yield where, 'names no host; write hosts = ["shop.example"]'
            for host in {host for host in each.hosts if each.hosts.count(host) > 1}:
                yield where, f"has {host} twice; keep one"


def _once(config: Config, table: str) -> Iterator[tuple[Where, str]]:
    """Hosts that two of a table's entries have."""
    seen: dict[str, str] = {}
    for name, each in getattr(config, table).items():
        for host in dict.fromkeys(each.hosts):
            if host in seen:
                yield (table, name, "hosts"), f"has {host}, which {seen[host]} has, too; remove one"
            seen[host] = f"{table}.{name}"


def _locations(config: Config) -> Iterator[tuple[Where, str]]:
    """Routes of one host that nginx would take for one location, though they are written in two ways."""
    told: set[tuple[Where, str]] = set()
    for host in (None, *hosts.named(config)):
        # A service that names the host comes before those that name none: only equals clash.
        for group in list(hosts.services_at(config, host))[:1]:
            for found in _clashes(config, group, host):
                if found not in told:
                    told.add(found)
                    yield found


def _clashes(config: Config, group: dict[str, Service], host: str | None) -> Iterator[tuple[Where, str]]:
    seen: dict[tuple[bool, str], str] = {}
    if config.tls.acme_webroot and not (config.tls.on and config.tls.redirect):
        seen[False, CHALLENGES] = "tls.acme_webroot"
    for name, service in group.items():
        for route in service.routes:
            location = route.startswith("= "), route.rpartition(" ")[2]
            where = ("services", name, "routes")
            if location in seen:
                other = seen[location] + (f" at {host}" if host else "")
                yield where, f"{route!r} is already taken by {other}; each needs its own: remove one"
            seen[location] = ".".join(where)
