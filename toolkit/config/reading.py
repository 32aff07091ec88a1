"""Reads the text of bgctl.toml into its tables, and names the line of each mistake."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import msgspec

from toolkit.config.acme_table import tls_with
from toolkit.config.configuration import Config
from toolkit.config.edge_kinds import Listen
from toolkit.config.edge_tables import HEADERS, NamedCertificate, Neighbour
from toolkit.config.jwks_table import KeySet
from toolkit.config.kinds import HeaderName, HeaderValue
from toolkit.config.rules import problems
from toolkit.config.service_table import API_ROUTES, Service
from toolkit.config.table import Where
from toolkit.errors import BgctlError, Refused, together
from toolkit.values import Duration, Text

T = TypeVar("T")
NAMED: dict[str, tuple[type, str]] = {  # tables of tables: the type of each, and the name of an example
    "services": (Service, "frontend"),
    "certificates": (NamedCertificate, "shop"),
    "neighbours": (Neighbour, "blog"),
    "jwks": (KeySet, "auth0"),
}
NAMELESS = "unnamed"  # stands for a missing name, so that the rest of the configuration can be examined


def load(path: Path) -> Config:
    """Raises Refused with file, line and mend of all mistakes, the first one first."""
    return _sound(*examine(path))


def parse(text: str, name: str = "bgctl.toml") -> Config:
    """Raises Refused as `load` does."""
    return _sound(*read(text, name))


def examine(path: Path) -> tuple[Config | None, list[BgctlError]]:
    """The configuration without its mistakes, and the mistakes; None: nothing is left of it."""
    try:
        return read(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        why = "this is not a project"
        return None, [Refused(f"{path} does not exist", why, "bgctl --project DIR ...")]
    except (OSError, UnicodeDecodeError) as error:
        return None, [Refused(f"{path} cannot be read", str(error), f"edit {path.name}")]


def read(text: str, name: str) -> tuple[Config | None, list[BgctlError]]:
    """As `examine`, of the text of a file that is called `name`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{name}:{line[1] if line else len(text.splitlines())}"
        return None, [Refused(place, f"not TOML: {error}", f"edit {name}")]
    reading = Reading()
    config = reading.config(raw)
    wrong = sorted(reading.wrong, key=lambda each: locate(text, each[0]))
    return config, [_refusal(text, name, where, problem) for where, problem in wrong]


def _sound(config: Config | None, wrong: list[BgctlError]) -> Config:
    if config is None or wrong:
        raise together(wrong)
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


class Reading:
    """Converts tables, leaves mistakes out of them, and keeps each as (path, what is wrong)."""

    def __init__(self) -> None:
        self.wrong: list[tuple[Where, str]] = []

    def config(self, raw: dict[str, Any]) -> Config | None:
        # Headers and tables of tables one by one: msgspec's error path does not name the key of a mapping.
        named = {table: self._named(raw, table) for table in NAMED}
        headers = self._table(raw, "headers", 'must be a table; write X-Frame-Options = "DENY" below it')
        config = self._convert(raw, Config, ())
        if config is None:
            raw["project"] = {"name": NAMELESS}
            config = self._convert(raw, Config, ())
        if config is None:
            return None
        services = named["services"]
        named["services"] = {key: _routed(value, config) for key, value in services.items()}
        found = {table: self._entries(table, entries) for table, entries in named.items()}
        tls = tls_with(config.tls, config.acme)
        config = msgspec.structs.replace(config, tls=tls, headers=self._headers(headers), **found)
        self.wrong += [each for each in list(problems(config)) if not self._is_told(each[0])]
        return config

    def _named(self, raw: dict[str, Any], table: str) -> dict[str, Any]:
        return self._table(raw, table, f"must be tables such as [{table}.{NAMED[table][1]}]")

    def _table(self, raw: dict[str, Any], table: str, mend: str) -> dict[str, Any]:
        """A table, which is taken out of `raw`."""
        found = raw.pop(table, {})
        if not isinstance(found, dict):
            self.wrong.append(((table,), mend))
        return found if isinstance(found, dict) else {}

    def _entries(self, table: str, raw: dict[str, Any]) -> dict[str, Any]:
        found = {key: self._convert(value, NAMED[table][0], (table, key)) for key, value in raw.items()}
        return {key: each for key, each in found.items() if each}

    def _headers(self, raw: dict[str, Any]) -> dict[HeaderName, HeaderValue]:
        """The default headers and those that are written; names are the same in any letters."""
        pairs = [
            (
                self._convert(key, HeaderName, ("headers", key)),
                self._convert(value, HeaderValue, ("headers", key)),
            )
            for key, value in raw.items()
        ]
        written = {name: value for name, value in pairs if name is not None and value is not None}
        names = {name.lower() for name in written}
        return {name: value for name, value in HEADERS.items() if name.lower() not in names} | written

    def _convert(self, raw: object, kind: type[T], at: Where) -> T | None:
        """`raw` as `kind`, without its mistakes; None: nothing is left of it."""
        while True:
            try:
                return msgspec.convert(raw, kind, dec_hook=_decode)
            except msgspec.ValidationError as error:
                inner, message, missing = _told(error)
                if not self._is_told((*at, *inner, *missing)):
                    self.wrong.append(((*at, *inner), message))
                if not _drop(raw, inner):
                    return None

    def _is_told(self, where: Where) -> bool:
        """Whether a mistake there follows from one that is known: it would lead to the wrong line."""
        return any(where == told[: len(where)] for told, _ in self.wrong)


def _routed(service: object, config: Config) -> object:
    """A service, with the routes of the session API if it is that: they need not be written."""
    if isinstance(service, dict) and service.get("address") == str(config.sessions.address):
        return {"routes": list(API_ROUTES), **service}
    return service


def _told(error: msgspec.ValidationError) -> tuple[Where, str, Where]:
    """The path of a mistake, what is wrong there, and the name of a setting that is missing there."""
    message, _, inner = str(error).partition(" - at `$")
    where = _split(inner)
    if unknown := re.match(r"Object contains unknown field `(.*)`", message):
        return (*where, unknown[1]), "is not a setting; compare with bgctl.example.toml", ()
    if missing := re.match(r"Object missing required field `(.*)`", message):
        return where, f"lacks {missing[1]}; add {missing[1]} = ...", (missing[1],)
    return where, message, ()


def _drop(raw: object, where: Where) -> bool:
    """Removes the innermost setting that `where` leads to; False: there is none."""
    table, last = None, ""
    for key in where:
        if not isinstance(raw, dict) or key not in raw:
            break
        table, last, raw = raw, key, raw[key]
    if table is None:
        return False
    del table[last]
    return True


def _decode(kind: type, value: object) -> object:
    if issubclass(kind, Text | Duration) and isinstance(value, str):
        return kind.parse(value)
    if issubclass(kind, Listen) and (isinstance(value, str) or _are_texts(value)):
        return kind.parse(value)
    raise ValueError(f'expected text in quotes, got {value!r}; write "..."')


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _refusal(text: str, name: str, where: Where, problem: str) -> Refused:
    return Refused(
        f"{name}:{locate(text, where)}", f"{'.'.join(where)}: {problem}".removeprefix(": "), f"edit {name}"
    )


def _split(dotted: str) -> Where:
    return tuple(quoted or bare for quoted, bare in re.findall(r'"([^"]+)"|([\w-]+)', dotted))
