"""nginx.conf: the values of bgctl.toml that its template is filled with."""

import re
from collections.abc import Mapping, Sequence

from toolkit.config import Config, served_folders
from toolkit.config.edge_kinds import Listen
from toolkit.config.kinds import Size
from toolkit.engine.host import Host
from toolkit.rendering import capacity, locations, service_values, settings_json, site_values, templates
from toolkit.rendering.capacity import Machine
from toolkit.rendering.include_values import Include
from toolkit.values import Duration

CIPHERS = (  # of TLS 1.2: those with forward secrecy and AEAD. Those of TLS 1.3 are all good.
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
# What Lua writes of a request, as nginx variables that begin with bg_.
VARIABLES = (
    *("upstream", "version", "generation", "other_version", "held_version", "pin", "pin_terms"),
    *("reason", "session"),
)
LOG_FOLDER = "/var/log/bgctl"  # in the container: the compose file mounts proxy/log/ there
NO_INCLUDE = Include()
HEADER_TIMEOUT = Duration(10)
BUSY_SIZE = Size("32k")  # proxy_busy_buffers_size: of an answer, what may be on its way to a client


def render(
    config: Config,
    pem: str = "",
    pems: Mapping[str, str] = {},
    included: Include = NO_INCLUDE,
    machine: Machine | None = None,
    hosts: Sequence[Host] = (),
) -> str:
    """`pem` is the file below proxy/ with certificate and key, where [tls] is on.

    `pems` are those of further certificates, by the table of bgctl.toml that names them. `included` are the
    operator's own lines. `machine` is the one that has to carry it; None: this one. `hosts` are those of a
    project that has several. Raises Refused where the machine cannot carry it.
    """
    carries = capacity.of(config.proxy, machine or capacity.this_machine())
    values = {**_routing(config, pems, hosts), **_edge(config, pem)}
    return templates.fill("nginx.conf.j2", **values, included=included, capacity=carries)


def _routing(config: Config, pems: Mapping[str, str], hosts: Sequence[Host]) -> dict[str, object]:
    """What stands between the listener and the services."""
    proxy, services = config.proxy, service_values.of(config, hosts)
    names = ("read_timeout", "connect_timeout", "upstream_keepalive", "client_timeout")
    # Secure cookies without TLS here mean that TLS ends in front of the proxy: browsers come by HTTPS.
    scheme = "https" if proxy.secure_cookies and not config.tls.on else "$scheme"
    # Where connections are passed on, as with the PROXY protocol, X-Forwarded-* is the client's own word.
    believed = bool(proxy.trusted) and not proxy.proxy_protocol
    return {
        "listen": _listen(proxy.listen),
        "control": proxy.control,
        "api": config.sessions.address,
        "cookie_stem": proxy.cookie_stem,
        "session_cookies": [re.escape(name) for name in config.sessions.cookies],
        "scheme": scheme,
        "believed": believed,
        "told_scheme": "$bg_scheme" if believed else scheme,
        "services": services,
        "sites": site_values.of(config, services, pems),
        "plain_sites": site_values.plain(config),
        "neighbours": site_values.neighbours(config),
        "variables": VARIABLES,
        "http2": any(service.protocol != "http" for service in config.services.values()),
        "grpc_peers": settings_json.grpc_checks(config, hosts),
        "check_timeout": config.health.check_timeout.nginx,
        "folders": config.folders,
        "assets": any(service.assets for service in config.services.values()),
        "copied": served_folders.COPIED,
        "accelerated": any(folder.internal for folder in config.folders),
        "api_paths": [
            re.escape(locations.path_of(route))
            for service in config.services.values()
            if config.is_session_api(service)
            for route in service.routes
        ],
        "allowed": config.maintenance.allow,
        **{key: getattr(proxy, key).nginx for key in names},
    }


def _edge(config: Config, pem: str) -> dict[str, object]:
    """What stands between browsers and the listener: TLS, headers, limits, compression, the log."""
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
        "access_log": proxy.log_form,
        "access_log_to": f"{LOG_FOLDER}/{proxy.access_log_file}" if proxy.access_log_file else "/dev/stdout",
        "trusted": proxy.trusted,
        "proxy_protocol": proxy.proxy_protocol,
        "balancer_path": proxy.balancer_path,
        "limits": _limits(config),
    }


def _limits(config: Config) -> dict[str, object]:
    """The limits for each client; nothing where there are none.

    Load balancers that speak for themselves are exempt: where one does not say who its clients are, they
    would all be one client.
    """
    limits = config.limits
    if not limits.on:
        return {}
    return {
        "rate": limits.requests.nginx,
        "burst": limits.burst,
        "connections": limits.connections,
        "exempt": (*limits.exempt, *config.proxy.trusted),
    }


def _listen(addresses: Listen) -> list[dict[str, str]]:
    """Addresses as the directive `listen` takes them, with what is said of each once only.

    [::] is every address of both families, unless an address of IPv4 with its port is named beside it.
    """
    both = {each for each in addresses if each.host == "::" and not addresses.apart(each)}
    return [{"address": str(each), "once": " ipv6only=off" if each in both else ""} for each in addresses]
