"""The tables of bgctl.toml: every setting, its kind and its default."""

import re
from typing import Annotated

from msgspec import Meta, Struct

from toolkit.values import Address, Duration, Text


class Name(Text):
    kind = "a name: small letters, digits, - and _, a letter or digit first"
    like, pattern = "shop", re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class FileName(Text):
    """Without a folder: paths in a compose file count from where it is."""

    kind, like, pattern = "the name of a file in this folder", "compose.yaml", re.compile(r"[^/]+")


class Engine(Text):
    kind, like, pattern = "an engine (auto, docker, podman)", "auto", re.compile(r"auto|docker|podman")


class Route(Text):
    kind = 'a route: it must begin with "/", or with "= /" or "^~ /", and has no blanks or wildcards'
    like, pattern = "/api/", re.compile(r"(= |\^~ )?/[A-Za-z0-9._~+/-]*")


class HealthPath(Text):
    kind, like = 'a path: it must begin with "/"', "/healthz"
    pattern = re.compile(r"/[!-~]*")


SLOTS = ("blue", "green")


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of bgctl.toml."""


class Project(Table, frozen=True):
    name: Name
    compose_file: FileName = FileName("compose.yaml")
    env_file: FileName = FileName(".env")
    engine: Engine = Engine("auto")


class Proxy(Table, frozen=True):
    listen: Address = Address("127.0.0.1:8080")
    control: Address = Address("127.0.0.1:9180")
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    secure_cookies: bool = True
    pin_idle: Duration = Duration(30 * 60)
    read_timeout: Duration = Duration(60)
    connect_timeout: Duration = Duration(2)
    upstream_keepalive: Duration = Duration(4)


class Tokens(Table, frozen=True):
    issuer: Annotated[str, Meta(min_length=1, max_length=200)] = "bgctl"
    leeway: Duration = Duration(60)


class Sessions(Table, frozen=True):
    address: Address = Address("127.0.0.1:8090")
    idle_timeout: Duration = Duration(30 * 60)


class Service(Table, frozen=True):
    """`blue` and `green` for a service with two slots, `address` for one that both versions share."""

    routes: Annotated[tuple[Route, ...], Meta(min_length=1)]
    health: HealthPath
    blue: Address | None = None
    green: Address | None = None
    address: Address | None = None

    @property
    def slotted(self) -> bool:
        return self.address is None

    def at(self, slot: str) -> Address:
        found: Address | None = getattr(self, slot)
        assert found is not None, f"{slot} was validated"
        return found


class Health(Table, frozen=True):
    passes: Annotated[int, Meta(ge=1, le=100)] = 3
    interval: Duration = Duration(0.5)
    timeout: Duration = Duration(60)


class Migrate(Text):
    kind, like = "when sessions may move (never, idle, navigation)", "never"
    pattern = re.compile(r"never|idle|navigation")


class Drain(Table, frozen=True):
    """`deadline` and `idle_timeout` may be off: then a drain takes as long as it takes."""

    request_deadline: Duration = Duration(30)
    websocket_deadline: Duration = Duration(3600)
    stop_grace: Duration = Duration(10)
    deadline: Duration = Duration(0)
    idle_timeout: Duration = Duration(0)
    visitors: bool = True
    migrate: Migrate = Migrate("never")
    migrate_idle: Duration = Duration(10 * 60)


class Config(Table, frozen=True):
    project: Project
    proxy: Proxy = Proxy()
    tokens: Tokens = Tokens()
    sessions: Sessions = Sessions()
    services: dict[str, Service] = {}
    health: Health = Health()
    drain: Drain = Drain()

    @property
    def slotted(self) -> dict[str, Service]:
        return {name: service for name, service in self.services.items() if service.slotted}

    @property
    def shared(self) -> dict[str, Service]:
        return {name: service for name, service in self.services.items() if not service.slotted}
