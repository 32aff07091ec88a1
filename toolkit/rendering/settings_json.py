"""settings.json: what the proxy's Lua side is told of bgctl.toml. bg.lib.settings reads and checks it."""

import socket
from collections.abc import Mapping, Sequence

import msgspec

from toolkit import __version__
from toolkit.config import SLOTS, Config
from toolkit.engine.host import Host
from toolkit.health import check as health_check
from toolkit.health.check import Check
from toolkit.rendering import capacity, sites, spares

NO_EXPIRIES: Mapping[str, int] = {}
FILES = {  # paths in the proxy's container
    "state_file": "/state/state.json",
    "node_file": "/state/node.json",
    "jwks_file": "/state/jwks.json",
    "keys_dir": "/keys/verify",
    "pin_key_file": "/keys/pin/pin.secret",
    "proxy_key_file": "/keys/proxy/proxy.key",
    "notice_page": "/etc/bgctl/notice.html",
    "unavailable_page": "/etc/bgctl/unavailable.html",
    "maintenance_page": "/etc/bgctl/maintenance.html",
}


def render(config: Config, expiries: Mapping[str, int] = NO_EXPIRIES, hosts: Sequence[Host] = ()) -> bytes:
    """`expiries` are the last moments (Unix time) of the certificates, each by its first name.

    `hosts` are those of a project that has several.
    """
    values = {
        "schema": 1,
        "version": __version__,
        "proxy_name": f"{_host(config)}:{config.proxy.listen.port}",
        "api": str(config.sessions.address),
        "control": str(config.proxy.control),
        "access_log": config.proxy.log_form == "json",  # the only form that says what routing knows
        **FILES,
        **_sessions(config),
        **_routing(config, hosts),
        **_health(config, hosts),
        "follows_agent": config.project.engine.several_hosts,
        **_limits(config),
        "certificates": [{"host": host, "not_after": until} for host, until in expiries.items()],
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"


def _host(config: Config) -> str:
    """The name of this host; "" on a swarm, where each proxy adds that of its own."""
    return "" if config.project.engine.several_hosts else socket.gethostname()


def _sessions(config: Config) -> dict[str, object]:
    """Tokens, pins and cookies, and for how long who uses them counts as active."""
    return {
        "issuer": config.tokens.issuer,
        "leeway": int(config.tokens.leeway),
        "token_longest": int(config.tokens.longest),
        "version_claim": str(config.tokens.version_claim),
        "token_headers": [str(name.lower()) for name in config.tokens.headers],
        "token_cookies": [str(name) for name in config.tokens.cookies],
        "secure_cookies": config.proxy.secure_cookies,
        "cookie_stem": str(config.proxy.cookie_stem),
        "pin_idle": int(config.pin_idle),
        "pin_domain": str(config.pin.domain),
        "pin_same_site": str(config.pin.same_site),
        "session_cookies": list(config.sessions.cookies),
        "key_headers": [str(name.lower()) for name in config.sessions.key_headers],
        "active_window": active_window(config),
        "held_every": held_every(config),
    }


def _routing(config: Config, hosts: Sequence[Host]) -> dict[str, object]:
    """`routes` are those of hosts that nothing names; `sites` are the others (toolkit/rendering/sites.py)."""
    usual, *others = sites.of(config)
    return {
        "routes": _routes(config, usual),
        "sites": [
            {
                "hosts": list(site.hosts),
                "routes": _routes(config, site),
                **({"neighbour": site.neighbour} if site.neighbour else {}),
            }
            for site in others
        ],
        "unknown_hosts": str(config.proxy.unknown_hosts),
        "balancer_path": str(config.proxy.balancer_path),
        "migrate": str(config.drain.migrate),
        "migrate_idle": int(config.drain.migrate_idle),
        "drain_deadline": int(config.drain.deadline),
        "replicas": replicas(config, hosts),
        "spares": _spares(config, hosts),
        "assets": assets(config),
        "mirrors": {
            name: {"address": str(service.at("green")), "share": service.mirror}
            for name, service in config.reached.items()
            if service.mirror
        },
    }


def _routes(config: Config, site: sites.Site) -> list[dict[str, object]]:
    folders = [
        (name, f"^~ {prefix}")
        for name in dict.fromkeys(name for name, _ in site.routes)
        for prefix in (*config.services[name].static, *config.services[name].assets)
    ]
    return [
        {"location": route, "service": name, "slotted": config.services[name].slotted}
        for name, route in (*site.routes, *folders)
    ] + _own(config, site)


def _own(config: Config, site: sites.Site) -> list[dict[str, object]]:
    """What the proxy answers by itself, where bgctl.toml says at which path."""
    asked = config.proxy.balancer_path
    return [{"location": f"= {asked}"}] if asked and not site.neighbour else []


def _health(config: Config, hosts: Sequence[Host]) -> dict[str, object]:
    return {
        "peers": peers(config, hosts),
        "health_check": float(config.health.check),
        "health_timeout": float(config.health.check_timeout),
        "health_fails": config.health.fails,
    }


def _limits(config: Config) -> dict[str, object]:
    return {
        "max_body": config.proxy.max_body.bytes,
        "min_rate": config.proxy.min_rate.bytes,
        "client_timeout": float(config.proxy.client_timeout),
        "header_size": config.proxy.header_size.bytes,
        "connections": capacity.of(config.proxy, capacity.this_machine()).clients,
        "limit_wait": config.limits.requests.wait,
    }


def peers(config: Config, hosts: Sequence[Host] = ()) -> list[dict[str, str]]:
    """What the proxy checks the health of, and how: as bgctl does, save that it cannot ask an engine.

    Those of other hosts say on which `node` they are: a proxy leaves out those of its own.
    """
    everyone = [each for name in config.reached for each in config.pair(name)]
    checks = [(each.slot, health_check.of(config, each.name, each.slot, each.number)) for each in everyone]
    own = [_peer(slot, check, config) for slot, check in checks if not check.by_engine]
    others = [each for each in spares.of_all(config, hosts) if not each.check.by_engine]
    return own + [_peer(each.slot, each.check, config) | {"node": each.node} for each in others]


def grpc_checks(config: Config, hosts: Sequence[Host] = ()) -> list[Check]:
    """Those that the proxy asks by gRPC: its control listener asks them for Lua, which speaks no HTTP/2."""
    everyone = [each for name in config.reached for each in config.pair(name)]
    checks = [health_check.of(config, each.name, each.slot, each.number) for each in everyone]
    checks += [each.check for each in spares.of_all(config, hosts)]
    return [check for check in checks if check.by_grpc]


def replicas(config: Config, hosts: Sequence[Host] = ()) -> dict[str, dict[str, list[str]]]:
    """The addresses of the services among whose containers Lua chooses: service, slot, addresses."""
    several = [
        name
        for name, service in config.reached.items()
        if service.replicas > 1 or spares.of(config, hosts, name)
    ]
    return {
        name: {slot: [str(each.address) for each in config.pair(name) if each.slot == slot] for slot in SLOTS}
        for name in several
    }


def _spares(config: Config, hosts: Sequence[Host]) -> dict[str, dict[str, list[dict[str, str]]]]:
    """Those on other hosts: service, slot, `{node, address}` of each."""
    found = {name: spares.of(config, hosts, name) for name in config.reached}
    return {
        name: {
            slot: [{"node": each.node, "address": str(each.address)} for each in them if each.slot == slot]
            for slot in SLOTS
        }
        for name, them in found.items()
        if them
    }


def assets(config: Config) -> dict[str, dict[str, object]]:
    """The services with files that old pages may ask for: where each slot is asked whether it has one."""
    found = {name: service for name, service in config.reached.items() if service.assets}
    checks = {name: {slot: health_check.of(config, name, slot) for slot in SLOTS} for name in found}
    return {
        name: {
            **{slot: str(each.address) for slot, each in checks[name].items()},
            "host": checks[name]["blue"].host,
            "scheme": config.scheme,
            "folders": list(found[name].assets),
            "kept": any(each.service == name for each in config.kept),
        }
        for name in found
    }


def _peer(slot: str, check: Check, config: Config) -> dict[str, str]:
    by = {"by": str(config.proxy.control)} if check.by_grpc else {}
    return by | {
        "slot": slot,
        "service": check.service,
        "address": str(check.address),
        "path": check.path,
        "host": check.host,
        "scheme": check.scheme,
        "proof": check.proof,
    }


def active_window(config: Config) -> int:
    """Seconds for which the proxy remembers a session: the longest time for which any setting needs that."""
    idle = config.sessions.idle_timeout or config.tokens.longest
    return int(max(idle, config.drain.migrate_idle, config.pin_idle))


def held_every(config: Config) -> int:
    """Seconds after which it is told again that a session goes on, and that a request is still open.

    That is a tenth of the shortest idle time-out, so that no session with an open request is taken for idle.
    """
    moves_idle = config.drain.migrate_idle if config.drain.migrate == "idle" else 0
    idles = [idle for idle in (config.sessions.idle_timeout, config.drain.idle_timeout, moves_idle) if idle]
    return int(max(1, min([10, *(idle / 10 for idle in idles)])))
