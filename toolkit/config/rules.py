"""What the types of settings alone cannot say of a configuration."""

import re
from collections.abc import Iterator

import msgspec

from toolkit.config.tables import SLOTS, Config, Service
from toolkit.values import Duration

Where = tuple[str, ...]


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """What types alone cannot say, as (path, what is wrong and what to write)."""
    if not config.slotted:
        yield (
            ("services",),
            'no service has two slots; add [services.frontend] with blue = "..." and green = "..."',
        )
    if not config.proxy.control.loopback:
        yield ("proxy", "control"), 'must be on a loopback address; write control = "127.0.0.1:9180"'
    if config.tokens.leeway > 300:
        yield ("tokens", "leeway"), 'is more than 5m; write leeway = "60s"'
    yield from _durations_that_are_off(config)
    for name, service in config.services.items():
        yield from _service_problems(name, service)
    yield from _duplicates(config)


MAY_BE_OFF = {("drain", "deadline"), ("drain", "idle_timeout"), ("tls", "hsts"), ("canary", "max_p99")}


def _durations_that_are_off(config: Config) -> Iterator[tuple[Where, str]]:
    for table in ("proxy", "tls", "tokens", "health", "drain", "preview", "canary"):
        for key, value in msgspec.structs.asdict(getattr(config, table)).items():
            if isinstance(value, Duration) and not value and (table, key) not in MAY_BE_OFF:
                yield (table, key), 'cannot be off; write a duration such as "30s"'


def _service_problems(name: str, service: Service) -> Iterator[tuple[Where, str]]:
    here = ("services", name)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name) or name == "proxy":
        yield here, 'cannot be a service name; use lower-case letters, digits and "-" (and not "proxy")'
    slots = (service.blue, service.green)
    if service.slotted and None in slots:
        yield here, 'needs blue = "IP:port" and green = "IP:port", or one address = "IP:port"'
    if not service.slotted and slots != (None, None):
        yield here, "has address as well as blue or green; keep one address, or the two slots"
    for route in service.routes:
        if re.match(r"(\S+ )?/_bgctl(/|$)", route):
            yield (*here, "routes"), f"{route!r} is the proxy's own; remove it"
        if re.match(r"(\S+ )?/internal(/|$)", route):
            yield (*here, "routes"), f"{route!r} would open /internal/ to the public; remove it"


def _duplicates(config: Config) -> Iterator[tuple[Where, str]]:
    seen: dict[object, str] = {config.proxy.listen: "proxy.listen"}
    claims: list[tuple[Where, object]] = [(("proxy", "control"), config.proxy.control)]
    for name, service in config.services.items():
        claims += [(("services", name, key), getattr(service, key)) for key in (*SLOTS, "address")]
        claims += [(("services", name, "routes"), route) for route in service.routes]
    for where, value in claims:
        if value is not None and value in seen:
            yield where, f"{value} is already taken by {seen[value]}; each needs its own"
        seen[value] = ".".join(where)
