"""The proxy's configuration: nginx.conf and settings.json in proxy/, from bgctl.toml."""

import hashlib
import socket
from pathlib import Path

import msgspec

from toolkit.config import Config

NAMES = ("nginx.conf", "settings.json")
TOKEN_LIFE = 7 * 86400  # seconds, of the session API's tokens
LOADED = ".loaded"  # the digest of what the running proxy was last told to load


def share(*parts: str) -> Path:
    """A file that comes with bgctl: inside an installed package, or at the top of a checkout."""
    here = Path(__file__).parent
    inside = here.joinpath("share", *parts)
    return inside if inside.exists() else here.parent.joinpath(*parts)


def nginx_conf(config: Config) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # It renders nginx syntax, not HTML, from values that the configuration's patterns have let through.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(share("nginx")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("nginx.conf.j2").render(_context(config))


def settings(config: Config) -> bytes:
    values = {
        "schema": 1,
        "issuer": config.tokens.issuer,
        "leeway": int(config.tokens.leeway),
        "secure_cookies": config.proxy.secure_cookies,
        "pin_idle": int(config.proxy.pin_idle),
        "state_file": "/state/state.json",
        "keys_dir": "/keys/verify",
        "pin_key_file": "/keys/pin.secret",
        "proxy_key_file": "/keys/proxy.key",
        "proxy_name": f"{socket.gethostname()}:{config.proxy.listen.port}",
        "api": str(config.sessions.address),
        "control": str(config.proxy.control),
        "active_window": active_window(config),
        "held_every": held_every(config),
        "migrate": str(config.drain.migrate),
        "migrate_idle": int(config.drain.migrate_idle),
        "routes": [
            {"location": str(route), "service": name, "slotted": service.slotted}
            for name, service in config.services.items()
            for route in service.routes
        ],
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"


def active_window(config: Config) -> int:
    """Seconds for which the proxy remembers whom it has seen: as long as that can matter to anybody."""
    idle = config.sessions.idle_timeout or TOKEN_LIFE
    return int(max(idle, config.drain.migrate_idle, config.proxy.pin_idle))


def held_every(config: Config) -> int:
    """Seconds after which an open request is activity again: often enough for the shortest time-out."""
    idles = [idle for idle in (config.sessions.idle_timeout, config.drain.idle_timeout) if idle]
    return int(max(1, min([10, *(idle / 10 for idle in idles)])))


def files(config: Config) -> dict[str, bytes]:
    """File name to content."""
    return {"nginx.conf": nginx_conf(config).encode(), "settings.json": settings(config)}


def digest(files: dict[str, bytes]) -> str:
    return hashlib.sha256(b"\0".join(files[name] for name in NAMES)).hexdigest()


def _context(config: Config) -> dict[str, object]:
    proxy = config.proxy
    services = [
        {
            "name": name,
            "id": name.replace("-", "_"),
            "routes": list(service.routes),
            "slotted": service.slotted,
            **{key: getattr(service, key) for key in ("blue", "green", "address")},
        }
        for name, service in config.services.items()
    ]
    times = {
        key: getattr(proxy, key).nginx for key in ("read_timeout", "connect_timeout", "upstream_keepalive")
    }
    return {
        "listen": proxy.listen,
        "control": proxy.control,
        "api": config.sessions.address,
        "workers": proxy.workers,
        # Secure cookies mean that browsers come by HTTPS, wherever in front of us that ends.
        "scheme": "https" if proxy.secure_cookies else "$scheme",
        "services": services,
        **times,
    }
