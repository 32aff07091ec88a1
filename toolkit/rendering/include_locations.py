"""Locations in the operator's own lines for nginx: they answer by themselves, or ask for a password."""

import re
import warnings
from collections.abc import Callable
from typing import Protocol

from toolkit.config import Config
from toolkit.config.edge_rules import OWN_HEADERS, TAKEN_HEADERS
from toolkit.config.kinds import HeaderName
from toolkit.rendering import include_words
from toolkit.rendering.include_values import Directive, Guard, Line, Place
from toolkit.rendering.include_words import quoted
from toolkit.rendering.locations import path_of

OURS = ("/_bgctl/", "/.well-known/acme-challenge/")
PATH = re.compile(r"/[A-Za-z0-9._~+/-]{0,200}")
ANSWERS = ("return", "default_type", "add_header")
ASKS = ("auth_basic", "auth_basic_user_file")


class Reading(Protocol):
    """What is read around these locations (include_rules.Reading)."""

    config: Config
    locations: list[Directive]

    def attempt(self, each: Directive, do: Callable[[Directive], None]) -> None: ...
    def where(self, each: Directive) -> str: ...
    def realm(self, each: Directive) -> str: ...
    def password_file(self, each: Directive) -> str: ...


class Wrong(Exception):  # noqa: N818  (it becomes a refusal)
    """What is wrong with a directive."""


def read(reading: Reading, passwords: str) -> tuple[tuple[Place, ...], tuple[Guard, ...]]:
    """Places, and guards with the longest path first. One without a password file has `passwords`."""
    places: dict[tuple[bool, str], Place] = {}
    guards: dict[tuple[bool, str], Guard] = {}

    def take(each: Directive) -> None:
        exact, path = _path(each)
        if (exact, path) in {**places, **guards}:
            raise Wrong(f"{path} is there twice; keep one")
        if any(inner.name == "return" for inner in each.block or ()):
            check_place(exact, path, reading.config)
            places[exact, path] = _place(reading, each, exact, path)
        else:
            guards[exact, path] = _guard(reading, each, exact, path, passwords)

    for each in reading.locations:
        reading.attempt(each, take)
    ordered = sorted(guards.items(), key=lambda pair: (not pair[0][0], -len(pair[0][1])))
    return tuple(places.values()), tuple(guard for _, guard in ordered)


def check_prefix(pattern: str, config: Config) -> None:
    """Raises Wrong if a pattern of `rewrite` matches paths that are not its own."""
    prefix = include_words.prefix_of(pattern)
    if prefix is None or prefix == "/":
        raise Wrong(
            f"must begin with a path, such as ^/old/, and have no |: {pattern}; write a line for each"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what Python may read otherwise one day
            re.compile(pattern)
    except re.error as error:
        raise Wrong(f"has {pattern}, which is no pattern: {error}") from None
    for ours in _ours(config):
        if ours.startswith(prefix) or prefix.startswith(ours):
            raise Wrong(f"would take {ours}, which is bgctl's own; write a longer beginning than {prefix}")
    for (_, path), name in _routes(config).items():
        if path != "/" and path.startswith(prefix):
            raise Wrong(f"would take all of {path}, a route of [services.{name}]; write a longer beginning")


def check_place(exact: bool, path: str, config: Config) -> None:
    """Raises Wrong if a location would take what another one has."""
    for ours in _ours(config):
        if path.startswith(ours) or path == ours.removesuffix("/"):
            raise Wrong(f"{path} is bgctl's own; write another path")
    if owner := _routes(config).get((exact, path)):
        raise Wrong(f"{path} is a route of [services.{owner}]; write another path")
    for folder in config.folders:
        if folder.internal and path.startswith(folder.prefix):
            raise Wrong(
                f"{path} is where accel of [services.{folder.service}] has its files; write another path"
            )


def _ours(config: Config) -> list[str]:
    apis = [service for service in config.services.values() if config.is_session_api(service)]
    asked = [str(config.proxy.balancer_path)] if config.proxy.balancer_path else []
    return [*OURS, *asked, *[path_of(route) for service in apis for route in service.routes]]


def _routes(config: Config) -> dict[tuple[bool, str], str]:
    """The service that has each route, at whatever hosts, or sends files from it."""
    found = {
        (route.startswith("= "), path_of(route)): name
        for name, service in config.services.items()
        for route in service.routes
    }
    found |= {(False, str(each)): name for name, one in config.services.items() for each in one.assets}
    return found | {(False, str(folder.prefix)): folder.service for folder in config.folders}


def _path(each: Directive) -> tuple[bool, str]:
    """Whether the location is for just one path, and the path."""
    words = re.fullmatch(r"(=|\^~|~\*?|) ?(.*)", " ".join(each.args))
    if each.block is None or not words:
        raise Wrong("must have a path and a block: location = /old { return 301 /new; }")
    if words[1].startswith("~") or words[2].startswith("@"):
        raise Wrong(
            "must be for a path, since a pattern could take others'; write location /path/, or a rewrite"
        )
    if not PATH.fullmatch(words[2]):
        raise Wrong(
            f"has {words[2] or 'nothing'}, which is no path; begin it with /, without blanks and wildcards"
        )
    return words[1] == "=", words[2]


def _place(reading: Reading, each: Directive, exact: bool, path: str) -> Place:
    lines = [_answer(inner, reading) for inner in each.block or ()]
    if sum(inner.name == "return" for inner in each.block or ()) > 1:
        raise Wrong("has two of return; keep one")
    where = reading.where(each)
    if not any(inner.name == "default_type" for inner in each.block or ()):
        lines.append(Line("default_type text/plain;", where))  # else a browser would store the text in a file
    return Place(f"= {path}" if exact else path, where, tuple(lines))


def _answer(inner: Directive, reading: Reading) -> Line:
    """A line of a location that answers by itself."""
    if inner.name not in ANSWERS or inner.block is not None:
        why = (
            "does nothing where return answers"
            if inner.name in ASKS
            else f"is not one of {', '.join(ANSWERS)}"
        )
        raise Wrong(f"has {inner.name} in line {inner.line}, which {why}; remove it")
    for fault in (fault for text in inner.args for fault in include_words.faults(text)):
        raise Wrong(f"has {inner.name} in line {inner.line}, which {fault}")
    good = {"return": _is_return, "default_type": _is_type, "add_header": _is_header}[inner.name]
    if not good(inner.args, reading.config):
        raise Wrong(f"has a {inner.name} in line {inner.line} that is none; write {LIKE[inner.name]}")
    return Line(f"{inner.name} {' '.join(map(quoted, inner.args))};", reading.where(inner))


LIKE = {
    "return": 'return 301 https://shop.example/new; or return 200 "text";',
    "default_type": "default_type text/plain;",
    "add_header": 'add_header Cache-Control "max-age=60"; and headers of every answer in [headers]',
}


def _is_return(args: tuple[str, ...], _: Config) -> bool:
    code, *rest = args or ("",)
    if re.fullmatch(r"30[12378]", code):
        return len(rest) == 1 and include_words.leads_somewhere(rest[0])
    if re.fullmatch(r"[245][0-9][0-9]", code):
        return len(rest) <= 1
    return not rest and include_words.leads_somewhere(code) and code[0] != "/"


def _is_type(args: tuple[str, ...], _: Config) -> bool:
    return len(args) == 1 and re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", args[0]) is not None


def _is_header(args: tuple[str, ...], config: Config) -> bool:
    name, *rest = args or ("",)
    taken = name.lower() in {*OWN_HEADERS, *(each.lower() for each in config.headers)}
    if taken or TAKEN_HEADERS.fullmatch(name) or not HeaderName.pattern.fullmatch(name):
        return False
    return len(rest) == 1 or rest[1:] == ["always"]


def _guard(reading: Reading, each: Directive, exact: bool, path: str, passwords: str) -> Guard:
    found = {inner.name: inner for inner in each.block or ()}
    for inner in each.block or ():
        if inner.name not in ASKS or inner.block is not None or found[inner.name] is not inner:
            raise Wrong(
                f"has {inner.name} in line {inner.line}: write return, or auth_basic and its file, once each"
            )
    if "auth_basic" not in found:
        raise Wrong(
            'neither answers nor asks for a password; write return 301 /new; or auth_basic "Staff only";'
        )
    realm, file = reading.realm(found["auth_basic"]), found.get("auth_basic_user_file")
    own = reading.password_file(file) if file else passwords
    if realm != "off" and not own:
        raise Wrong(
            "asks for a password and has none to compare it with; add auth_basic_user_file nginx/passwords;"
        )
    return Guard(path, exact, realm, reading.where(each), "" if realm == "off" else own)
