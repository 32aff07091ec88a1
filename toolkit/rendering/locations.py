"""Which locations of nginx lead to which service."""

from toolkit.config import Config, hosts
from toolkit.config.edge_kinds import HostName


def path_of(route: str) -> str:
    """The path of a route, without the modifier ("=", "^~") that says how nginx compares it."""
    return route.rpartition(" ")[2]


def by_service(config: Config, host: HostName | None = None) -> dict[str, list[str]]:
    """The locations of each service at a host (None: at hosts that nothing names), by the service's name.

    Where `/api/deployment/` is routed, nginx by itself redirects `/api/deployment` there. That path is not
    the session API's, though: it may be the app's. So it becomes a location of the service that has it
    otherwise. `/assets` beside `assets = ["/assets/"]` is the app's as well, which may have a page there.
    """
    found = _written(config, host)
    taken = {path_of(route) for routes in found.values() for route in routes}
    owners = {
        path_of(route): name
        for name, routes in found.items()
        for route in routes
        if not route.startswith("= ")
    }
    ours = [prefix for prefix, name in owners.items() if config.is_session_api(config.services[name])]
    theirs = [str(prefix) for name in found for prefix in config.services[name].assets]
    for prefix in (*ours, *theirs):
        bare = prefix.removesuffix("/")
        around = [other for other in owners if bare.startswith(other)]
        if bare not in taken and around:
            found[owners[max(around, key=len)]].append(f"= {bare}")
            taken.add(bare)
    return found


def _written(config: Config, host: HostName | None) -> dict[str, list[str]]:
    """The routes as they are written. One that two services have goes to the one that names the host."""
    owners: dict[tuple[bool, str], str] = {}
    for group in hosts.services_at(config, host):
        for name, service in group.items():
            for route in service.routes:
                owners.setdefault(_key(route), name)
    return {
        name: [str(each) for each in service.routes if owners.get(_key(each)) == name]
        for name, service in config.services.items()
        if not service.hosts or host in service.hosts
    }


def _key(route: str) -> tuple[bool, str]:
    """What nginx tells locations apart by."""
    return route.startswith("= "), path_of(route)
