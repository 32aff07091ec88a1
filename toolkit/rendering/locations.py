"""Which locations of nginx lead to which service."""

from toolkit.config import Config


def path_of(route: str) -> str:
    """The path of a route, without the modifier ("=", "^~") that says how nginx compares it."""
    return route.rpartition(" ")[2]


def by_service(config: Config) -> dict[str, list[str]]:
    """The locations of each service, by the service's name.

    Where `/api/deployment/` is routed, nginx by itself redirects `/api/deployment` there. That path is not
    the session API's, though: it may be the app's. So it becomes a location of the service that has it
    otherwise.
    """
    found = {name: [str(route) for route in service.routes] for name, service in config.services.items()}
    taken = {path_of(route) for routes in found.values() for route in routes}
    owners = {
        path_of(route): name
        for name, routes in found.items()
        for route in routes
        if not route.startswith("= ")
    }
    for prefix, name in list(owners.items()):
        bare = prefix.removesuffix("/")
        around = [other for other in owners if bare.startswith(other)]
        if config.is_session_api(config.services[name]) and bare not in taken and around:
            found[owners[max(around, key=len)]].append(f"= {bare}")
    return found
