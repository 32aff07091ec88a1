"""What images there are and what goes into them."""

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


def demo_app(version: str, fault: str = "") -> Image:
    """One version of the demo app. A faulty one, for the tests, is a version of its own."""
    return Image(
        f"{PREFIX}/demo-app:{version}",
        PYTHON_BASE,
        {"compose/demo-app": "."},
        lock="demo-app",
        args={"VERSION": version, "FAULT": fault},
    )


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
    demo_app("1.6.7"),
    demo_app("1.6.8"),
    demo_app("1.6.9"),
    demo_app("1.6.8-unhealthy", fault="unhealthy"),
    demo_app("1.6.8-wrong-version", fault="wrong-version"),
    demo_app("1.6.8-crash", fault="crash-after-healthy"),
    demo_app("1.6.8-some-errors", fault="some-errors"),
    demo_app("1.6.8-deaf", fault="deaf"),
)
