"""From the text of bgctl.toml to its tables, with a named line for whatever is wrong."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from toolkit.config.rules import Where, problems
from toolkit.config.tables import API_ROUTES, HEADERS, Config, HeaderName, HeaderValue, Service
from toolkit.errors import Refused
from toolkit.values import Duration, Text

T = TypeVar("T")


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


def _config(raw: dict[str, Any], text: str, name: str) -> Config:
    # Services and headers are converted one by one: msgspec's error path does not name the key of a mapping.
    services, headers = raw.pop("services", {}), raw.pop("headers", {})
    config = _convert(raw, Config, (), text, name)
    if not isinstance(services, dict):
        raise _refusal(text, name, ("services",), "must be tables such as [services.frontend]")
    if not isinstance(headers, dict):
        raise _refusal(text, name, ("headers",), 'must be a table; write X-Frame-Options = "DENY" below it')
    written = {
        _convert(key, HeaderName, ("headers", key), text, name): _header_value(key, value, text, name)
        for key, value in headers.items()
    }
    config = msgspec.structs.replace(config, headers=_with_defaults(written))
    converted = {
        key: _convert(_routed(value, config), Service, ("services", key), text, name)
        for key, value in services.items()
    }
    return msgspec.structs.replace(config, services=converted)


def _routed(service: object, config: Config) -> object:
    """With the routes of the session API, which need not be written."""
    if isinstance(service, dict) and service.get("address") == str(config.sessions.address):
        return {"routes": list(API_ROUTES), **service}
    return service


def _header_value(key: str, value: object, text: str, name: str) -> HeaderValue:
    return _convert(value, HeaderValue, ("headers", key), text, name)


def _with_defaults(headers: dict[HeaderName, HeaderValue]) -> dict[HeaderName, HeaderValue]:
    """Names of headers are the same in any letters."""
    written = {name.lower() for name in headers}
    return {name: value for name, value in HEADERS.items() if name.lower() not in written} | headers


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
