"""What the types of settings alone cannot say of a configuration."""

import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from toolkit.config.tables import Canary, Config, FileName, FilePath, ProjectTable, Service
from toolkit.values import SLOTS, Duration, is_rising

Where = tuple[str, ...]
SHORTEST_LIFE, LONGEST_LIFE = Duration(300), Duration(400 * 86400)  # of a token
LONGEST = 60  # seconds: the last bound of the histogram (bg.figures.figures)


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """What types alone cannot say, as (path, what is wrong and what to write)."""
    if not config.reached:
        yield (
            ("services",),
            'no service has two slots; add [services.frontend] with blue = "..." and green = "..."',
        )
    yield from _compose_file_problems(config.project)
    if not config.proxy.control.loopback:
        yield ("proxy", "control"), 'must be on a loopback address; write control = "127.0.0.1:9180"'
    if config.tokens.leeway > 300:
        yield ("tokens", "leeway"), 'is more than 5m; write leeway = "60s"'
    if config.tokens.longest and not SHORTEST_LIFE <= config.tokens.longest <= LONGEST_LIFE:
        yield ("tokens", "longest"), 'must be from 5m to 400d; write longest = "7d"'
    yield from _tls_problems(config)
    yield from _pin_problems(config)
    yield from _header_problems(config)
    if not 4 << 10 <= config.proxy.header_size.bytes <= 64 << 10:
        yield ("proxy", "header_size"), 'must be from 4k to 64k; write header_size = "32k"'
    if any(network.endswith("/0") for network in config.proxy.trusted):
        yield ("proxy", "trusted"), 'is everybody; name the load balancers, such as "10.0.0.0/8"'
    yield from _durations_that_are_off(config)
    yield from _canary_problems(config.canary)
    for name, service in config.services.items():
        yield from _service_problems(name, service)
    yield from _names_of_slots(config)
    yield from _locations(config)
    yield from _duplicates(config)


def _compose_file_problems(project: ProjectTable) -> Iterator[tuple[Where, str]]:
    here, names = ("project", "compose_file"), project.compose_files
    if project.compose_file == ():
        yield here, 'names no file; write compose_file = ["compose.yaml"], or remove it'
    for number, name in enumerate(names):
        try:
            (FilePath if number else FileName).parse(name)
        except ValueError as error:
            yield here, str(error)
        if name in names[:number]:
            yield here, f"{name} is there twice; keep one"


MAY_BE_OFF = {
    *(("drain", "deadline"), ("drain", "idle_timeout"), ("proxy", "pin_idle")),
    *(("tls", "hsts"), ("canary", "max_p99")),
}


def _durations_that_are_off(config: Config) -> Iterator[tuple[Where, str]]:
    for table in ("proxy", "tls", "tokens", "health", "drain", "preview", "canary"):
        for key, value in msgspec.structs.asdict(getattr(config, table)).items():
            if isinstance(value, Duration) and not value and (table, key) not in MAY_BE_OFF:
                yield (table, key), 'cannot be off; write a duration such as "30s"'


def _canary_problems(canary: Canary) -> Iterator[tuple[Where, str]]:
    if not is_rising(canary.steps):
        yield ("canary", "steps"), "must rise; write steps = [5, 25, 50, 100]"
    if canary.patience < canary.pause:
        yield ("canary", "patience"), 'is shorter than pause; write patience = "15m"'
    if bool(canary.prometheus) != bool(canary.query):
        missing = "query" if canary.prometheus else "prometheus"
        yield ("canary", missing), "is missing: prometheus and query go together"
    if canary.max_p99 > LONGEST:
        yield ("canary", "max_p99"), 'is more than the proxy tells apart; write at most "60s"'
    try:
        if canary.command and not shlex.split(canary.command):
            yield ("canary", "command"), 'has no words; write a command, or ""'
    except ValueError as error:
        yield ("canary", "command"), f"cannot be split into words: {error}"


def _tls_problems(config: Config) -> Iterator[tuple[Where, str]]:
    tls = config.tls
    if tls.on and not tls.key:
        yield ("tls", "certificate"), 'is without its private key; add key = "certs/privkey.pem"'
    if tls.key and not tls.on:
        yield ("tls", "key"), 'is without its certificate; add certificate = "certs/fullchain.pem"'
    if tls.on and not config.proxy.secure_cookies:
        yield ("proxy", "secure_cookies"), "is false, and [tls] is on: browsers come by HTTPS; remove it"
    if tls.http3 and not tls.on:
        yield ("tls", "http3"), 'needs TLS; add certificate = "certs/fullchain.pem" and its key'
    if tls.acme_webroot and not re.fullmatch(r"proxy/(?!tls(/|$)).+", tls.acme_webroot):
        yield ("tls", "acme_webroot"), 'must be below proxy/, which the proxy sees; write "proxy/acme"'


# They say something of the request or of the browser, or are overwritten: no client is known by them.
NO_KEYS = re.compile(
    r"cookie|host|connection|upgrade|date|content-(length|type|encoding)|transfer-encoding|x-(deployment|forwarded)-.*"
    r"|forwarded|x-real-ip|accept(-.*)?|user-agent|referer|origin|sec-.*",
    re.IGNORECASE,
)


def _pin_problems(config: Config) -> Iterator[tuple[Where, str]]:
    if config.pin.same_site == "none" and not config.proxy.secure_cookies:
        yield (
            ("pin", "same_site"),
            'is "none", which needs HTTPS, and secure_cookies is false; write same_site = "lax"',
        )
    host, domain = urlsplit(config.preview.url).hostname, config.pin.domain
    if host and domain and host != domain and not host.endswith(f".{domain}"):
        yield ("preview", "url"), f"is outside of [pin] domain: browsers keep cookies of {domain} there alone"
    seen: set[str] = set()
    for name in config.sessions.key_headers:
        if NO_KEYS.fullmatch(name):
            yield ("sessions", "key_headers"), f'{name} says nothing of who asks; write ["authorization"]'
        elif name.lower() in seen:
            yield ("sessions", "key_headers"), f"{name} is there twice; keep one"
        seen.add(name.lower())


# What nginx or we set ourselves, for each answer anew.
OWN_HEADERS = {
    "strict-transport-security": "is [tls] hsts; remove it here",
    "alt-svc": "is [tls] http3; remove it here",
}
TAKEN_HEADERS = re.compile(
    r"set-cookie|location|connection|upgrade|transfer-encoding|date|server|content-(length|type|encoding)"
    r"|x-deployment-.*|retry-after",
    re.IGNORECASE,
)


def _header_problems(config: Config) -> Iterator[tuple[Where, str]]:
    seen: set[str] = set()
    for name in config.headers:
        lower = name.lower()
        if lower in OWN_HEADERS:
            yield ("headers", name), OWN_HEADERS[lower]
        elif TAKEN_HEADERS.fullmatch(name):
            yield ("headers", name), "belongs to each answer; remove it"
        elif lower in seen:
            yield ("headers", name), "is there twice, in other letters; keep one"
        seen.add(lower)


OF_SERVICES = {each.name: each.default for each in msgspec.structs.fields(Service)}


def _service_problems(name: str, service: Service) -> Iterator[tuple[Where, str]]:
    here = ("services", name)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name) or name == "proxy":
        yield here, 'cannot be a service name; use lower-case letters, digits and "-" (and not "proxy")'
    slots = (service.blue, service.green)
    if service.worker:
        yield from _worker_problems(here, service)
        return
    yield from _health_problems(here, service)
    if service.slotted and None in slots:
        yield here, 'needs blue = "IP:port" and green = "IP:port", or one address = "IP:port"'
    if not service.slotted and slots != (None, None):
        yield here, "has address as well as blue or green; keep one address, or the two slots"
    if not service.timeout:
        yield (*here, "timeout"), 'cannot be off; write a duration such as "10s"'
    for key in ("timeout", "connections"):
        if service.slotted and getattr(service, key) != OF_SERVICES[key]:
            yield (*here, key), "is for a service with one address; remove it"
    if not service.slotted and service.version != OF_SERVICES["version"]:
        yield (*here, "version"), "is for a service with two slots; remove it"
    for route in service.routes:
        if re.match(r"(\S+ )?/_bgctl(/|$)", route):
            yield (*here, "routes"), f"{route!r} is the proxy's own; remove it"
        if re.search(r"//|/\.\.?(/|$)", route):
            yield (
                (*here, "routes"),
                f'{route!r} is no path that a request has; write it without "//", "." and ".."',
            )


def _health_problems(here: Where, service: Service) -> Iterator[tuple[Where, str]]:
    """Of a service with an address."""
    if not service.health:
        why = 'the path that says how it is, or "container": what the engine says of it'
        yield here, f'lacks health; add health = "/healthz", {why}'
    elif service.health.by_engine:
        if service.version != OF_SERVICES["version"]:
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
    for key in ("timeout", "connections", "mirror", "health_host", "version"):
        if getattr(worker, key) != OF_SERVICES[key]:
            yield (*here, key), "is for a service with an address; remove it"


def _names_of_slots(config: Config) -> Iterator[tuple[Where, str]]:
    """A slot has a compose service, and upstreams of nginx, which are called after it."""
    ways = (*SLOTS, "blue-alone", "green-alone", "blue-by-green", "green-by-blue")
    taken = {f"{name}-{way}": name for name in config.slotted for way in ways}
    for name in config.shared:
        if name in taken:
            free = name.replace("-", "")
            yield ("services", name), f"is the name of a slot of {taken[name]}; write [services.{free}]"


CHALLENGES = "/.well-known/acme-challenge/"


def _locations(config: Config) -> Iterator[tuple[Where, str]]:
    """What nginx takes for one location, though it is written in two ways."""
    seen: dict[tuple[bool, str], str] = {}
    if config.tls.acme_webroot and not (config.tls.on and config.tls.redirect):
        seen[False, CHALLENGES] = "tls.acme_webroot"
    for name, service in config.services.items():
        for route in service.routes:
            location = route.startswith("= "), route.rpartition(" ")[2]
            where = ("services", name, "routes")
            if location in seen:
                other = seen[location]
                yield where, f"{route!r} is already taken by {other}; each needs its own: remove one"
            seen[location] = ".".join(where)


def _duplicates(config: Config) -> Iterator[tuple[Where, str]]:
    yield from _wildcards(config)
    seen: dict[object, str] = {config.proxy.listen: "proxy.listen"}
    claims: list[tuple[Where, object]] = [(("proxy", "control"), config.proxy.control)]
    claims += [(("tls", "listen"), config.tls.listen)] if config.tls.on else []
    for name, service in config.services.items():
        claims += [(("services", name, key), getattr(service, key)) for key in (*SLOTS, "address")]
    for where, value in claims:
        if value is not None and value in seen:
            yield where, f"{value} is already taken by {seen[value]}; each needs its own"
        seen[value] = ".".join(where)


def _wildcards(config: Config) -> Iterator[tuple[Where, str]]:
    """Two listeners on one port, of which one takes every address."""
    by_port: dict[int, str] = {}
    for name, address in config.listeners.items():
        other = by_port.setdefault(address.port, name)
        pair = (address, config.listeners[other])
        hosts = {each.host for each in pair}
        if len(hosts) == 2 and any(each.wildcard for each in pair):
            yield tuple(name.split(".")), f"{address} clashes with {other}; give it another port"
