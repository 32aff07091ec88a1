"""bgctl.toml: what an operator may write, and a named line for whatever is wrong with it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from toolkit.errors import Refused
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
T = TypeVar("T")


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


Where = tuple[str, ...]


def load(path: Path) -> Config:
    """Raises Refused naming file, line and mend."""
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        raise Refused(f"{path} does not exist", "this is not a project", "bgctl --project DIR ...") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read", str(error), f"edit {path.name}") from None


def parse(text: str, name: str = "bgctl.toml") -> Config:
    """Raises Refused naming line and mend."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{name}:{line[1] if line else len(text.splitlines())}"
        raise Refused(place, f"not TOML: {error}", f"edit {name}") from None
    config = _config(raw, text, name)
    for where, problem in problems(config):
        raise _refusal(text, name, where, problem)
    return config


def locate(text: str, path: Where) -> int:
    """The line of the table or key that `path` names, or of the nearest one around it."""
    table: Where = ()
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
            here = table = _split(header[1])
        elif key := re.match(r"\s*([\w.\"-]+)\s*=", line):
            here = (*table, *_split(key[1]))
        else:
            continue
        if len(here) > depth and here == path[: len(here)]:
            best, depth = number, len(here)
    return best


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """What types alone cannot say, as (path, what is wrong and what to write)."""
    if not config.slotted:
        yield (
            ("services",),
            'no service has two slots; add [services.frontend] with blue = "..." and green = "..."',
        )
    if not config.proxy.control.loopback:
        yield ("proxy", "control"), 'must be on a loopback address; write control = "127.0.0.1:9180"'
    if config.tokens.leeway > 300:
        yield ("tokens", "leeway"), 'is more than 5m; write leeway = "60s"'
    yield from _durations_that_are_off(config)
    for name, service in config.services.items():
        yield from _service_problems(name, service)
    yield from _duplicates(config)


MAY_BE_OFF = {("drain", "deadline"), ("drain", "idle_timeout")}


def _durations_that_are_off(config: Config) -> Iterator[tuple[Where, str]]:
    for table in ("proxy", "tokens", "health", "drain"):
        for key, value in msgspec.structs.asdict(getattr(config, table)).items():
            if isinstance(value, Duration) and not value and (table, key) not in MAY_BE_OFF:
                yield (table, key), 'cannot be off; write a duration such as "30s"'


def _service_problems(name: str, service: Service) -> Iterator[tuple[Where, str]]:
    here = ("services", name)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name) or name == "proxy":
        yield here, 'cannot be a service name; use lower-case letters, digits and "-" (and not "proxy")'
    slots = (service.blue, service.green)
    if service.slotted and None in slots:
        yield here, 'needs blue = "IP:port" and green = "IP:port", or one address = "IP:port"'
    if not service.slotted and slots != (None, None):
        yield here, "has address as well as blue or green; keep one address, or the two slots"
    for route in service.routes:
        if re.match(r"(\S+ )?/internal(/|$)", route):
            yield (*here, "routes"), f"{route!r} would open /internal/ to the public; remove it"


def _duplicates(config: Config) -> Iterator[tuple[Where, str]]:
    seen: dict[object, str] = {config.proxy.listen: "proxy.listen"}
    claims: list[tuple[Where, object]] = [(("proxy", "control"), config.proxy.control)]
    for name, service in config.services.items():
        claims += [(("services", name, key), getattr(service, key)) for key in (*SLOTS, "address")]
        claims += [(("services", name, "routes"), route) for route in service.routes]
    for where, value in claims:
        if value is not None and value in seen:
            yield where, f"{value} is already taken by {seen[value]}; each needs its own"
        seen[value] = ".".join(where)


def _config(raw: dict[str, Any], text: str, name: str) -> Config:
    # Services are converted one by one: msgspec's error path does not name the key of a mapping.
    services = raw.pop("services", {})
    config = _convert(raw, Config, (), text, name)
    if not isinstance(services, dict):
        raise _refusal(text, name, ("services",), "must be tables such as [services.frontend]")
    converted = {
        key: _convert(value, Service, ("services", key), text, name) for key, value in services.items()
    }
    return msgspec.structs.replace(config, services=converted)


def _convert(raw: object, kind: type[T], at: Where, text: str, name: str) -> T:
    try:
        return msgspec.convert(raw, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        where = (*at, *_split(inner))
        if unknown := re.match(r"Object contains unknown field `(.*)`", message):
            where, message = (*where, unknown[1]), "is not a setting; compare with bgctl.example.toml"
        elif missing := re.match(r"Object missing required field `(.*)`", message):
            message = f"lacks {missing[1]}; add {missing[1]} = ..."
        raise _refusal(text, name, where, message) from None


def _decode(kind: type, value: object) -> object:
    if issubclass(kind, Text | Duration) and isinstance(value, str):
        return kind.parse(value)
    raise ValueError(f'expected text in quotes, got {value!r}; write "..."')


def _refusal(text: str, name: str, where: Where, problem: str) -> Refused:
    return Refused(
        f"{name}:{locate(text, where)}", f"{'.'.join(where)}: {problem}".removeprefix(": "), f"edit {name}"
    )


def _split(dotted: str) -> Where:
    return tuple(quoted or bare for quoted, bare in re.findall(r'"([^"]+)"|([\w-]+)', dotted))
