"""What the kinds of settings alone cannot say of a configuration: what is wrong between several of them."""

import re
import shlex
from collections.abc import Iterator
from typing import get_args
from urllib.parse import urlsplit

from msgspec import Meta
from msgspec.structs import FieldInfo, fields

from toolkit.config import service_rules
from toolkit.config.configuration import Config
from toolkit.config.kinds import DurationOrOff, FileName, FilePath, Size
from toolkit.config.service_rules import Where
from toolkit.config.tables import Canary, ProjectTable, Table
from toolkit.values import Duration, is_rising

SLOWEST = 60  # seconds: the last bound of the proxy's histogram of durations (lua/bg/figures/figures.lua)
MOST_LEEWAY = 300  # seconds


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    if not config.reached:
        yield (
            ("services",),
            'no service has two slots; add [services.frontend] with blue = "..." and green = "..."',
        )
    yield from _compose_file_problems(config.project)
    if not config.proxy.control.loopback:
        yield ("proxy", "control"), 'must be on a loopback address; write control = "127.0.0.1:9180"'
    if config.tokens.leeway > MOST_LEEWAY:
        yield ("tokens", "leeway"), 'is more than 5m; write leeway = "60s"'
    yield from _tls_problems(config)
    yield from _pin_problems(config)
    yield from _header_problems(config)
    if any(network.endswith("/0") for network in config.proxy.trusted):
        yield ("proxy", "trusted"), 'is everybody; name the load balancers, such as "10.0.0.0/8"'
    yield from _limits(config)
    yield from _canary_problems(config.canary)
    yield from service_rules.problems(config)


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


def _limits(config: Config) -> Iterator[tuple[Where, str]]:
    """Durations that are off and may not be, and values beyond the limits of their setting."""
    for table in fields(Config):
        if not (isinstance(table.type, type) and issubclass(table.type, Table)):
            continue
        for setting in fields(table.type):
            where, value = (table.name, setting.name), getattr(getattr(config, table.name), setting.name)
            if isinstance(value, Duration) and not value and not isinstance(value, DurationOrOff):
                yield where, 'cannot be off; write a duration such as "30s"'
            elif wrong := _beyond(setting, value):
                yield where, wrong


def _beyond(setting: FieldInfo, value: Duration | Size) -> str | None:
    """Why a value is not between the limits that stand with its setting; None: it is, or there are none."""
    kind, *metas = get_args(setting.type) or (setting.type,)
    limits = next((meta.extra for meta in metas if isinstance(meta, Meta) and meta.extra), None)
    if limits is None:
        return None
    least, most = (_amount(kind.parse(limits[key])) for key in ("least", "most"))
    if least <= _amount(value) <= most:
        return None
    return f'must be from {limits["least"]} to {limits["most"]}; write {setting.name} = "{limits["usual"]}"'


def _amount(value: Duration | Size) -> float:
    """Seconds or bytes."""
    return value.bytes if isinstance(value, Size) else value


def _canary_problems(canary: Canary) -> Iterator[tuple[Where, str]]:
    if not is_rising(canary.steps):
        yield ("canary", "steps"), "must rise; write steps = [5, 25, 50, 100]"
    if canary.patience < canary.pause:
        yield ("canary", "patience"), 'is shorter than pause; write patience = "15m"'
    if bool(canary.prometheus) != bool(canary.query):
        missing = "query" if canary.prometheus else "prometheus"
        yield ("canary", missing), "is missing: prometheus and query go together"
    if canary.max_p99 > SLOWEST:
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


# Headers that tell no API client from another: they describe the request or the browser, or are overwritten.
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


# Headers that the proxy sets by another setting, and those that nginx sets anew for each answer.
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
