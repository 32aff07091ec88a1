"""Looks at other projects on this host: whose cookies are mixed up with ours, and who takes us for a client.

Cookies are mixed up where projects have the same host name, or the same [pin] domain, and the same names of
cookies. Only projects whose proxy runs on the same engine are found: there may be others elsewhere.
"""

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from toolkit import config
from toolkit.config import Config, public_url
from toolkit.errors import BgctlError
from toolkit.values import Address

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def alike(ours: Config, folders: Iterable[Path]) -> list[Config]:
    """The projects in `folders` that have host name and cookies' names in common with `ours`."""
    return [theirs for folder in folders if (theirs := _load(folder)) and _same(ours, theirs)]


def host(found: Config) -> str:
    """By which name browsers know it, as far as its configuration says. Cookies know no ports."""
    name = urlsplit(public_url.base(found)).hostname or ""
    return LOOPBACK[0] if name in LOOPBACK else name


def ports(folders: Iterable[Path]) -> set[int]:
    """The ports of this host that the projects in `folders` have, or will have in their next release."""
    found: set[int] = set()
    for theirs in filter(None, map(_load, folders)):
        listeners = [address for _, address in theirs.listeners]
        shared = [each.at("address") for each in theirs.shared.values()]
        slots = [each.address for name in theirs.reached for each in theirs.pair(name)]
        found.update(each.port for each in (*listeners, *shared, *slots))
    return found


def untrusting(ours: Config, folders: Iterable[Path]) -> list[tuple[str, Config]]:
    """(name in [neighbours], its project) of those that would take the proxy at this edge for their client.

    What comes from here to an address of this machine comes from that same address.
    """
    projects = [theirs for folder in folders if (theirs := _load(folder))]
    return [
        (name, theirs)
        for name, neighbour in ours.neighbours.items()
        for theirs in projects
        if _listens(theirs, neighbour.address) and not _trusts(theirs, neighbour.address)
    ]


def _listens(theirs: Config, address: Address) -> bool:
    return any(
        each.port == address.port and (each.wildcard or each.host == address.host)
        for each in theirs.proxy.listen
    )


def _trusts(theirs: Config, address: Address) -> bool:
    peer = ipaddress.ip_address(address.host)
    return any(peer in ipaddress.ip_network(network) for network in theirs.proxy.trusted)


def _same(ours: Config, theirs: Config) -> bool:
    one, other = ours.proxy, theirs.proxy
    names = (one.cookie_stem, one.secure_cookies) == (other.cookie_stem, other.secure_cookies)
    near = _hosts(ours) & _hosts(theirs) or (ours.pin.domain and ours.pin.domain == theirs.pin.domain)
    return names and ours.project.name != theirs.project.name and bool(near)


def _hosts(found: Config) -> set[str]:
    """All names by which browsers know it: those that its services have, else one."""
    return {str(name) for each in found.services.values() for name in each.hosts} or {host(found)}


def _load(folder: Path) -> Config | None:
    """The configuration of a project; None: it cannot be read, or the folder is no project."""
    try:
        return config.load(folder / "bgctl.toml")
    except (BgctlError, OSError):
        return None
