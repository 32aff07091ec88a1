"""The images of the stack, and what goes into each."""

import os
from dataclasses import dataclass, field

SHARED = "localhost/bgctl"  # bases are the same for every checkout
PREFIX = f"localhost/{os.environ.get('BGCTL_IMAGES', 'bgctl')}"  # two checkouts at work need two names
PYTHON = "3.13"  # in both Python bases


@dataclass(frozen=True)
class Base:
    """A base image: the official one, and the Debian packages that can take its place."""

    name: str
    upstream: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """An image of ours: base, folders of the context (source to place), lock file and build arguments."""

    name: str
    base: Base
    folders: dict[str, str]
    dockerfile: str = "Dockerfile"
    lock: str | None = None
    args: dict[str, str] = field(default_factory=dict)


PROXY_BASE = Base(
    f"{SHARED}/base-proxy:dev",
    "openresty/openresty:1.27.1.2-0-bookworm-fat",
    (
        "nginx-light",
        "libnginx-mod-http-lua",
        "libnginx-mod-http-brotli-filter",
        "lua-resty-core",
        "lua-cjson",
        "ca-certificates",
    ),
)
PYTHON_BASE = Base(
    f"{SHARED}/base-python:dev",
    f"python:{PYTHON}-slim",
    ("python3", "ca-certificates"),
)
REDIS_BASE = Base(f"{SHARED}/base-redis:dev", "redis:8-bookworm", ("redis-server",))
BASES = (PROXY_BASE, PYTHON_BASE, REDIS_BASE)


IMAGES = (
    Image(
        f"{PREFIX}/proxy:dev",
        PROXY_BASE,
        {"lua": "lua", "nginx": "nginx", "compose/proxy": "compose/proxy"},
        dockerfile="compose/proxy/Dockerfile",
    ),
    Image(
        f"{PREFIX}/session-api:dev",
        PYTHON_BASE,
        {"compose/session-api": ".", "session_api": "session_api"},
        lock="session-api",
    ),
    Image(f"{PREFIX}/redis:dev", REDIS_BASE, {"compose/redis": "."}),
)
