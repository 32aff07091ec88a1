"""What is wrong with [services] and its addresses that the kinds of settings alone cannot say."""

import re
from collections.abc import Iterator

from msgspec.structs import fields

from toolkit.config.configuration import Config
from toolkit.config.service_table import Service
from toolkit.config.table import Where

MOST = 64  # containers of one slot: the proxy asks each of them for its health, in a timer of its own
DEFAULTS = {each.name: each.default for each in fields(Service)}
# What a worker has none of, because no request reaches it.
OF_REQUESTS = (
    *("timeout", "connections", "mirror", "health_host", "hosts", "version", "port"),
    *("read_timeout", "buffering", "max_body", "protocol"),
)


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    for name, service in config.services.items():
        yield from _of_service(name, service)
    yield from _too_many(config)
    yield from _names_of_the_proxy(config)
    yield from _names_of_slots(config)


def is_name(name: str) -> bool:
    """Whether a service may be called so."""
    return bool(re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", name))


def _of_service(name: str, service: Service) -> Iterator[tuple[Where, str]]:
    here = ("services", name)
    if not is_name(name):
        yield here, 'cannot be a service name; use lower-case letters, digits, "-" and "_"'
    slots = (service.blue, service.green)
    if service.worker:
        yield from _worker_problems(here, service)
        return
    yield from _health_problems(here, service)
    if service.slotted and None in slots:
        yield here, 'needs blue = "IP:port" and green = "IP:port", or one address = "IP:port"'
    if not service.slotted and slots != (None, None):
        yield here, "has address as well as blue or green; keep one address, or the two slots"
    for key in ("timeout", "read_timeout"):
        if getattr(service, key) == 0:
            yield (*here, key), 'cannot be off; write a duration such as "10s"'
    if not service.slotted and service.read_timeout:
        yield (*here, "read_timeout"), "is for a service with two slots; one with an address has timeout"
    if not service.slotted and service.replicas != 1:
        yield (*here, "replicas"), "is for a service with two slots; remove it"
    for key in ("timeout", "connections"):
        if service.slotted and getattr(service, key) != DEFAULTS[key]:
            yield (*here, key), "is for a service with one address; remove it"
    for key in ("version", "port", "protocol"):
        if not service.slotted and getattr(service, key) != DEFAULTS[key]:
            yield (*here, key), "is for a service with two slots; remove it"
    for key in ("mirror", "accel", "buffering"):
        if service.protocol != "http" and getattr(service, key) not in (DEFAULTS[key], {}):
            yield (*here, key), f"is for HTTP/1.1, and protocol is {service.protocol}; remove it"
    for route in service.routes:
        if re.match(r"(\S+ )?/_bgctl(/|$)", route):
            yield (*here, "routes"), f"{route!r} is the proxy's own; remove it"
        if re.search(r"//|/\.\.?(/|$)", route):
            yield (
                (*here, "routes"),
                f'{route!r} is no path that a request has; write it without "//", "." and ".."',
            )


def _health_problems(here: Where, service: Service) -> Iterator[tuple[Where, str]]:
    """What is wrong with the health of a service that has an address."""
    if not service.health:
        why = 'the path that says how it is, or "container": what the engine says of it'
        yield here, f'lacks health; add health = "/healthz", {why}'
    elif service.health.by_grpc and service.protocol != "grpc":
        yield (*here, "health"), f'is gRPC\'s, and protocol is {service.protocol}; write protocol = "grpc"'
    elif service.health.startswith("/") and service.protocol == "grpc":
        why = "is a path, and gRPC has none for health"
        yield (*here, "health"), f'{why}; write "grpc" where the app has grpc.health.v1, else "container"'
    elif service.health.by_grpc and service.version != DEFAULTS["version"]:
        yield (*here, "version"), "is read from an answer by HTTP, and health is gRPC's; remove it"
    elif service.health.by_engine:
        if service.version != DEFAULTS["version"]:
            yield (
                (*here, "version"),
                'is read from an answer, and with health = "container" nobody asks; remove it',
            )
        if service.health_host:
            yield (*here, "health_host"), 'is for a health path, and health is "container"; remove it'


def _worker_problems(here: Where, worker: Service) -> Iterator[tuple[Where, str]]:
    if not worker.health.by_engine:
        why = "and it has no address"
        yield (*here, "health"), f'is a path, {why}; write health = "container", or add blue and green'
    for key in OF_REQUESTS:
        if getattr(worker, key) != DEFAULTS[key]:
            yield (*here, key), "is for a service with an address; remove it"


def _too_many(config: Config) -> Iterator[tuple[Where, str]]:
    count = len(config.members("blue"))
    if count > MOST:
        yield ("services",), f"has {count} containers for each slot, and {MOST} are the most; lower replicas"


def _names_of_the_proxy(config: Config) -> Iterator[tuple[Where, str]]:
    """Services that are called as the proxy's compose service, or as a slot's that it would be taken for."""
    ours = config.proxy_service
    if ours in config.services:
        yield (
            ("services", ours),
            'is the name of the proxy; write another one in [proxy]: service = "bgctl-proxy"',
        )
    if ours in config.compose_services[1:]:
        yield ("proxy", "service"), f'{ours!r} is the name of a slot; write service = "bgctl-proxy"'


def _names_of_slots(config: Config) -> Iterator[tuple[Where, str]]:
    """Shared services that are called as a slot's compose service, or as one of its upstreams in nginx."""
    ways = ("blue-alone", "green-alone", "blue-by-green", "green-by-blue")
    taken = {f"{name}-{way}": name for name in config.slotted for way in ways}
    taken |= {member.compose: name for name in config.slotted for member in config.pair(name)}
    for name in config.shared:
        if name in taken:
            free = name.replace("-", "")
            yield ("services", name), f"is the name of a slot of {taken[name]}; write [services.{free}]"
