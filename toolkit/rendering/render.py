"""The proxy's configuration: nginx.conf and settings.json in proxy/, from bgctl.toml."""

import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from toolkit import __version__
from toolkit.config import SLOTS, Config
from toolkit.config.kinds import Size
from toolkit.errors import BgctlError, Refused, together
from toolkit.health import check as health_check
from toolkit.health.check import Check
from toolkit.shipped import shipped
from toolkit.values import Address, Duration

PAGES = ("unavailable.html", "maintenance.html")
NOTICE = "notice.html"  # with places for what bg.gate.error_page has to say
NAMES = ("nginx.conf", "settings.json", NOTICE, *PAGES)
CIPHERS = (  # of TLS 1.2; those of 1.3 are all good
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
HEADER_TIMEOUT = Duration(10)
BUSY_SIZE = Size("32k")  # of an answer, on its way to a client
LOADED = ".loaded"  # the digest of what the running proxy was last told to load


def template(name: str, **values: object) -> str:
    """What a template of ours below nginx/ gives."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # The values have passed the configuration's patterns; pages have none.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(shipped("nginx")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)


def nginx_conf(config: Config, pem: str = "") -> str:
    """`pem`: the file below proxy/ with certificate and key, where [tls] is on."""
    return template("nginx.conf.j2", **_context(config, pem))


def settings(config: Config) -> bytes:
    values = {
        "schema": 1,
        "issuer": config.tokens.issuer,
        "leeway": int(config.tokens.leeway),
        "token_longest": int(config.tokens.longest),
        "version_claim": str(config.tokens.version_claim),
        "secure_cookies": config.proxy.secure_cookies,
        "cookie_stem": str(config.proxy.cookie_stem),
        "pin_idle": int(config.pin_idle),
        "pin_domain": str(config.pin.domain),
        "pin_same_site": str(config.pin.same_site),
        "key_headers": [str(name.lower()) for name in config.sessions.key_headers],
        "state_file": "/state/state.json",
        "keys_dir": "/keys/verify",
        "pin_key_file": "/keys/pin/pin.secret",
        "proxy_key_file": "/keys/proxy/proxy.key",
        "proxy_name": f"{socket.gethostname()}:{config.proxy.listen.port}",
        "api": str(config.sessions.address),
        "control": str(config.proxy.control),
        "active_window": active_window(config),
        "held_every": held_every(config),
        "migrate": str(config.drain.migrate),
        "migrate_idle": int(config.drain.migrate_idle),
        "routes": [
            {"location": route, "service": name, "slotted": config.services[name].slotted}
            for name, routes in _routes(config).items()
            for route in routes
        ],
        "access_log": config.proxy.access_log,
        "peers": peers(config),
        "health_check": float(config.health.check),
        "health_timeout": float(config.health.check_timeout),
        "health_fails": config.health.fails,
        "max_body": config.proxy.max_body.bytes,
        "min_rate": config.proxy.min_rate.bytes,
        "client_timeout": float(config.proxy.client_timeout),
        "header_size": config.proxy.header_size.bytes,
        "notice_page": "/etc/bgctl/notice.html",
        "unavailable_page": "/etc/bgctl/unavailable.html",
        "maintenance_page": "/etc/bgctl/maintenance.html",
        "version": __version__,
        "drain_deadline": int(config.drain.deadline),
        "mirrors": {
            name: {"address": str(service.at("green")), "share": service.mirror}
            for name, service in config.reached.items()
            if service.mirror
        },
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"


def peers(config: Config) -> list[dict[str, str]]:
    """Whom the proxy asks for their health, and how: as bgctl asks. It cannot ask an engine."""
    checks = [(slot, health_check.of(config, name, slot)) for name in config.reached for slot in SLOTS]
    return [_peer(slot, check) for slot, check in checks if not check.by_engine]


def _peer(slot: str, check: Check) -> dict[str, str]:
    return {
        "slot": slot,
        "service": check.service,
        "address": str(check.address),
        "path": check.path,
        "host": check.host,
        "scheme": check.scheme,
        "proof": check.proof,
    }


def active_window(config: Config) -> int:
    """Seconds for which the proxy remembers whom it has seen: as long as that can matter to anybody."""
    idle = config.sessions.idle_timeout or config.tokens.longest
    return int(max(idle, config.drain.migrate_idle, config.pin_idle))


def held_every(config: Config) -> int:
    """Seconds after which an open request is activity again: often enough for the shortest time-out."""
    idles = [idle for idle in (config.sessions.idle_timeout, config.drain.idle_timeout) if idle]
    return int(max(1, min([10, *(idle / 10 for idle in idles)])))


def pages(config: Config, root: Path) -> dict[str, bytes]:
    """The operator's, below the project's folder, or ours. Raises Refused naming the setting."""
    if missing := list(missing_pages(config, root)):
        raise together(missing)
    return {
        name: (root / page).read_bytes() if page else template(f"pages/{name}.j2").encode()
        for name, (_, page) in zip(PAGES, _named_pages(config), strict=True)
    }


def missing_pages(config: Config, root: Path) -> Iterator[BgctlError]:
    """Pages that bgctl.toml names and nobody can read."""
    for setting, page in _named_pages(config):
        try:
            if page:
                (root / page).read_bytes()
        except OSError as error:
            why = f"{setting} names {page}: {error.strerror}"
            yield Refused("a page is missing", why, f"make {page}, or edit bgctl.toml")


def _named_pages(config: Config) -> tuple[tuple[str, str], ...]:
    """As PAGES has them: the setting, and what it names."""
    return (
        ("proxy.unavailable_page", config.proxy.unavailable_page),
        ("maintenance.page", config.maintenance.page),
    )


def files(config: Config, root: Path, pem: str = "") -> dict[str, bytes]:
    """File name to content. Raises Refused when a page that the operator has named cannot be read."""
    return {
        "nginx.conf": nginx_conf(config, pem).encode(),
        "settings.json": settings(config),
        NOTICE: template(f"pages/{NOTICE}.j2", title="@title@", text="@text@").encode(),
        **pages(config, root),
    }


def digest(files: dict[str, bytes]) -> str:
    return hashlib.sha256(b"\0".join(files[name] for name in sorted(files))).hexdigest()


def _context(config: Config, pem: str) -> dict[str, object]:
    proxy, routes = config.proxy, _routes(config)
    services = [
        {
            "name": name,
            "id": name.replace("-", "_"),
            "routes": routes[name],
            "slotted": service.slotted,
            "guarded": config.is_session_api(service),
            **{key: getattr(service, key) for key in ("blue", "green", "address", "mirror", "connections")},
            "timeout": service.timeout.nginx,
            "connect": min(service.timeout, proxy.connect_timeout).nginx,
        }
        for name, service in config.services.items()
        if not service.worker
    ]
    names = ("read_timeout", "connect_timeout", "upstream_keepalive", "client_timeout")
    times = {key: getattr(proxy, key).nginx for key in names}
    return {
        "listen": _listen(proxy.listen),
        "control": proxy.control,
        "api": config.sessions.address,
        "workers": proxy.workers,
        # Without TLS here, secure cookies mean that browsers come by HTTPS: it ends in front of us.
        "cookie_stem": proxy.cookie_stem,
        "scheme": "https" if proxy.secure_cookies and not config.tls.on else "$scheme",
        "services": services,
        "api_paths": [
            re.escape(_path(route))
            for service in config.services.values()
            if config.is_session_api(service)
            for route in service.routes
        ],
        "allowed": config.maintenance.allow,
        **times,
        **_edge(config, pem),
    }


def _path(route: str) -> str:
    """Without the way in which nginx compares it."""
    return route.rpartition(" ")[2]


def _routes(config: Config) -> dict[str, list[str]]:
    """The locations of each service, by its name.

    Where `/api/deployment/` is routed, nginx redirects `/api/deployment` there. That path is not the session
    API's, so it goes to the service that has it otherwise: it may be the app's.
    """
    found = {name: [str(route) for route in service.routes] for name, service in config.services.items()}
    taken = {_path(route) for routes in found.values() for route in routes}
    owners = {
        _path(route): name for name, routes in found.items() for route in routes if not route.startswith("= ")
    }
    for prefix, name in list(owners.items()):
        bare = prefix.removesuffix("/")
        around = [other for other in owners if bare.startswith(other)]
        if config.is_session_api(config.services[name]) and bare not in taken and around:
            found[owners[max(around, key=len)]].append(f"= {bare}")
    return found


def _edge(config: Config, pem: str) -> dict[str, object]:
    """What stands between browsers and routing."""
    proxy, tls = config.proxy, config.tls
    return {
        "tls": tls.on,
        "tls_listen": _listen(tls.listen),
        "public_port": tls.public_port,
        "pem": pem,
        "ciphers": ":".join(CIPHERS),
        "http3": tls.on and tls.http3,
        "redirect": tls.on and tls.redirect,
        "hsts": int(tls.hsts) if tls.on else 0,
        "acme": tls.acme_webroot.removeprefix("proxy/"),
        "headers": [
            {"name": name, "value": value, "variable": name.lower().replace("-", "_")}
            for name, value in config.headers.items()
            if value
        ],
        "header_timeout": min(proxy.client_timeout, HEADER_TIMEOUT).nginx,
        "max_body": proxy.max_body,
        "header_size": proxy.header_size,
        "busy_size": max(proxy.header_size, BUSY_SIZE, key=lambda size: size.bytes),
        "compress": proxy.compress,
        "access_log": proxy.access_log,
        "trusted": proxy.trusted,
    }


def _listen(address: Address) -> str:
    """As nginx wants it: [::] is every address of both families."""
    return f"{address} ipv6only=off" if address.host == "::" else address
