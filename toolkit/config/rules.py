"""What the kinds of settings alone cannot say of a configuration: what is wrong between several of them."""

import shlex
from collections.abc import Iterator
from typing import get_args

from msgspec import Meta
from msgspec.structs import FieldInfo, fields

from toolkit.config import (
    address_rules,
    asset_rules,
    edge_rules,
    folder_rules,
    host_rules,
    jwks_table,
    service_rules,
    swarm_rules,
)
from toolkit.config.configuration import Config
from toolkit.config.kinds import DurationOrOff, FileName, FilePath, Size
from toolkit.config.table import Table, Where
from toolkit.config.tables import Canary, ProjectTable
from toolkit.values import Duration, is_rising

SLOWEST = 60  # seconds: the last bound of the proxy's histogram of durations (lua/bg/figures/figures.lua)
MOST_LEEWAY = 300  # seconds


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    if not config.reached:
        yield (
            ("services",),
            'no service has two slots; add [services.frontend] with blue = "..." and green = "..."',
        )
    yield from _compose_file_problems(config.project)
    if not config.proxy.control.loopback:
        yield ("proxy", "control"), 'must be on a loopback address; write control = "127.0.0.1:9180"'
    if config.tokens.leeway > MOST_LEEWAY:
        yield ("tokens", "leeway"), 'is more than 5m; write leeway = "60s"'
    yield from _token_places(config)
    yield from jwks_table.problems(config.jwks)
    yield from edge_rules.problems(config)
    yield from _limits(config)
    yield from _canary_problems(config.canary)
    yield from service_rules.problems(config)
    yield from folder_rules.problems(config)
    yield from asset_rules.problems(config)
    yield from swarm_rules.problems(config)
    yield from host_rules.problems(config)
    yield from address_rules.problems(config)


def _token_places(config: Config) -> Iterator[tuple[Where, str]]:
    """Where tokens are looked for already, and what is named twice."""
    headers = [name.lower() for name in config.tokens.headers]
    for name in ("authorization", "cookie"):
        if name in headers:
            yield ("tokens", "headers"), f"{name} need not be named: tokens are looked for there; remove it"
    ours = f"{config.proxy.cookie_stem}_"
    for cookie in config.tokens.cookies:
        if cookie.removeprefix("__Host-").removeprefix("__Secure-").startswith(ours):
            yield ("tokens", "cookies"), f"{cookie} is a cookie of bgctl's own; remove it"
    for setting, names in (("headers", headers), ("cookies", list(config.tokens.cookies))):
        if len(set(names)) < len(names):
            yield ("tokens", setting), "has a name twice; keep one"


def _compose_file_problems(project: ProjectTable) -> Iterator[tuple[Where, str]]:
    here, names = ("project", "compose_file"), project.compose_files
    if project.compose_file == ():
        yield here, 'names no file; write compose_file = ["compose.yaml"], or remove it'
    for number, name in enumerate(names):
        try:
            (FilePath if number else FileName).parse(name)
        except ValueError as error:
            yield here, str(error)
        if name in names[:number]:
            yield here, f"{name} is there twice; keep one"


def _limits(config: Config) -> Iterator[tuple[Where, str]]:
    """Durations that are off and may not be, and values beyond the limits of their setting."""
    for table in fields(Config):
        if not (isinstance(table.type, type) and issubclass(table.type, Table)):
            continue
        for setting in fields(table.type):
            where, value = (table.name, setting.name), getattr(getattr(config, table.name), setting.name)
            if isinstance(value, Duration) and not value and not isinstance(value, DurationOrOff):
                yield where, 'cannot be off; write a duration such as "30s"'
            elif wrong := _beyond(setting, value):
                yield where, wrong


def _beyond(setting: FieldInfo, value: Duration | Size) -> str | None:
    """Why a value is not between the limits that stand with its setting; None: it is, or there are none."""
    kind, *metas = get_args(setting.type) or (setting.type,)
    limits = next((meta.extra for meta in metas if isinstance(meta, Meta) and meta.extra), None)
    if limits is None:
        return None
    least, most = (_amount(kind.parse(limits[key])) for key in ("least", "most"))
    if least <= _amount(value) <= most:
        return None
    return f'must be from {limits["least"]} to {limits["most"]}; write {setting.name} = "{limits["usual"]}"'


def _amount(value: Duration | Size) -> float:
    """Seconds or bytes."""
    return value.bytes if isinstance(value, Size) else value


def _canary_problems(canary: Canary) -> Iterator[tuple[Where, str]]:
    if not is_rising(canary.steps):
        yield ("canary", "steps"), "must rise; write steps = [5, 25, 50, 100]"
    if canary.patience < canary.pause:
        yield ("canary", "patience"), 'is shorter than pause; write patience = "15m"'
    if bool(canary.prometheus) != bool(canary.query):
        missing = "query" if canary.prometheus else "prometheus"
        yield ("canary", missing), "is missing: prometheus and query go together"
    if canary.max_p99 > SLOWEST:
        yield ("canary", "max_p99"), 'is more than the proxy tells apart; write at most "60s"'
    try:
        if canary.command and not shlex.split(canary.command):
            yield ("canary", "command"), 'has no words; write a command, or ""'
    except ValueError as error:
        yield ("canary", "command"), f"cannot be split into words: {error}"
