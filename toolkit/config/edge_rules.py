"""What is wrong with the tables for what faces browsers that the kinds of settings alone cannot say."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from toolkit.config import acme_hosts, acme_table
from toolkit.config.configuration import Config
from toolkit.config.table import Where

LOG_FORMS = ("", "json", "combined")  # nginx/access_log.conf.j2 has them; "": no log


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    yield from _tls_problems(config)
    yield from _acme_problems(config)
    yield from _pin_problems(config)
    yield from _session_problems(config)
    yield from _key_problems(config)
    yield from _header_problems(config)
    if any(network.endswith("/0") for network in config.proxy.trusted):
        yield ("proxy", "trusted"), 'is everybody; name the load balancers, such as "10.0.0.0/8"'
    yield from _proxy_protocol_problems(config)
    yield from _balancer_problems(config)
    if config.proxy.log_form not in LOG_FORMS:
        yield ("proxy", "access_log"), 'is none of its forms; write "json", "combined" or false'
    if config.proxy.access_log_file and not config.proxy.log_form:
        yield ("proxy", "access_log_file"), 'is without an access log; add access_log = "json"'


def _proxy_protocol_problems(config: Config) -> Iterator[tuple[Where, str]]:
    here = ("proxy", "proxy_protocol")
    if config.proxy.proxy_protocol and not config.proxy.trusted:
        yield here, 'is without the load balancers that are believed; add trusted = ["10.0.0.0/8"]'
    if config.proxy.proxy_protocol and config.tls.http3:
        yield ("tls", "http3"), "comes by UDP, which has no PROXY protocol; write http3 = false"


def _balancer_problems(config: Config) -> Iterator[tuple[Where, str]]:
    """A path that is something else already: where nginx would refuse it, and where the app would miss it."""
    path = config.proxy.balancer_path
    for name, service in config.services.items() if path else ():
        taken = [route.rpartition(" ")[2] for route in service.routes]
        taken += [*map(str, service.assets), *map(str, service.static)]
        below = [prefix for prefix in taken if config.is_session_api(service) and path.startswith(prefix)]
        if path in (*taken, *(prefix.removesuffix("/") for prefix in taken)) or below:
            yield ("proxy", "balancer_path"), f'is a path of [services.{name}]; write "/bgctl-health"'


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


def _acme_problems(config: Config) -> Iterator[tuple[Where, str]]:
    acme, tls = config.acme, config.tls
    if acme.hosts and not acme.on:
        why = "is not true: nothing is asked of an authority before you have read its terms"
        yield ("acme", "agree_tos"), f"{why}; read them, then write agree_tos = true"
    if acme.on and not acme_hosts.of(config):
        yield ("acme", "hosts"), 'names none, and no service has any; write hosts = ["shop.example"]'
    if "" in acme.hosts or len(set(acme.hosts)) < len(acme.hosts):
        yield ("acme", "hosts"), "has an empty name, or one twice; remove it"
    if acme.on and tls.certificate != acme_table.PAIR:
        yield (
            ("tls", "certificate"),
            "is yours, and [acme] obtains one; remove certificate and key, or [acme]",
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


# What nginx and Lua find in a Cookie header as it stands. RFC 6265 has more letters; no framework uses them.
COOKIE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
MOST_COOKIES = 8  # each is looked for in every request


def _session_problems(config: Config) -> Iterator[tuple[Where, str]]:
    here, cookies = ("sessions", "cookie"), config.sessions.cookies
    ours = re.compile(rf"(__Host-|__Secure-)?{re.escape(config.proxy.cookie_stem)}_.*")
    for name in cookies:
        if not COOKIE_NAME.fullmatch(name):
            yield here, f'{name!r} is not the name of a cookie; write one like "sessionid"'
        elif ours.fullmatch(name):
            yield here, f"{name} is a cookie of bgctl's own; name the one that your app sets at a log-in"
    if len(set(cookies)) < len(cookies):
        yield here, "has a name twice; keep one"
    if len(cookies) > MOST_COOKIES:
        yield here, f"has more than {MOST_COOKIES} names; keep those that your app sets at a log-in"


# Headers that tell no API client from another: they describe the request or the browser, or are overwritten.
NO_KEYS = re.compile(
    r"cookie|host|connection|upgrade|date|content-(length|type|encoding)|transfer-encoding|x-(deployment|forwarded)-.*"
    r"|forwarded|x-real-ip|accept(-.*)?|user-agent|referer|origin|sec-.*",
    re.IGNORECASE,
)


def _key_problems(config: Config) -> Iterator[tuple[Where, str]]:
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
