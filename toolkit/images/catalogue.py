"""The images of the stack, and what goes into each."""

import re
from dataclasses import dataclass, field

from toolkit.shipped import PREFIX, SHARED

PYTHON = "3.13"  # in both Python bases


@dataclass(frozen=True)
class Base:
    """A base image: the official one, and the Debian packages that can take its place.

    It has the same name for every bgctl of a machine.
    """

    name: str
    upstream: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """An image of ours: base, folders of the context (source to place), lock file and build arguments.

    The folders are such as `shipped` finds.
    """

    name: str
    base: Base
    folders: dict[str, str]
    dockerfile: str = "Dockerfile"
    lock: str | None = None
    args: dict[str, str] = field(default_factory=dict)


PROXY_BASE = Base(
    f"{SHARED}/base-proxy:dev",
    "docker.io/openresty/openresty:1.27.1.2-0-bookworm-fat",
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
    f"docker.io/library/python:{PYTHON}-slim",
    ("python3", "ca-certificates"),
)
REDIS_BASE = Base(f"{SHARED}/base-redis:dev", "docker.io/library/redis:8-bookworm", ("redis-server",))
PROXY = Image(
    f"{PREFIX}/proxy:dev",
    PROXY_BASE,
    {"lua": "lua", "nginx": "nginx", "compose/proxy": "compose/proxy"},
    dockerfile="compose/proxy/Dockerfile",
)
SESSION_API = Image(
    f"{PREFIX}/session-api:dev",
    PYTHON_BASE,
    {"compose/session-api": ".", "session_api": "session_api"},
    lock="session-api",
)
REDIS = Image(f"{PREFIX}/redis:dev", REDIS_BASE, {"compose/redis": "."})
IMAGES = (PROXY, SESSION_API, REDIS)
NAMES = {image.name for image in IMAGES}


def part(image: Image) -> str:
    """The last part of its name: "proxy" of "localhost/bgctl/proxy:dev"."""
    return image.name.rpartition("/")[2].partition(":")[0]


def command_for(name: str) -> str | None:
    """The command that makes the image of this name; None: it is none of bgctl's own."""
    found = re.fullmatch(r"localhost/([^/]+)/([^/:]+):dev", name)
    if not found or found[2] not in map(part, IMAGES):
        return None
    prefix = "" if name in NAMES else f"BGCTL_IMAGES={found[1]} "
    return f"{prefix}bgctl images{' --redis' if found[2] == part(REDIS) else ''}"
