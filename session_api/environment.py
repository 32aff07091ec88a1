"""Reads settings from the environment: each is a field of a frozen record, with its variable and its form."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from session_api.errors import SetupError

T = TypeVar("T")


class SettingsError(SetupError):
    """An environment variable is missing or makes no sense."""


def variable(name: str, parse: Callable[[str], object]) -> dict[str, Any]:
    """A field's metadata: where it comes from, and what reads it. `parse` raises ValueError for nonsense."""
    return {"variable": name, "parse": parse}


def names(record: type[Any]) -> list[str]:
    """The variables of a record's fields."""
    return [each.metadata["variable"] for each in fields(record)]


def given(record: type[Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The values of a record's fields whose variables are there and not empty. Raises SettingsError."""
    values = {}
    for each in fields(record):
        name = each.metadata["variable"]
        if text := environment.get(name, ""):
            values[each.name] = parsed(name, text, each.metadata["parse"])
    return values


def secret(name: str, environment: Mapping[str, str]) -> str:
    """The first line of the file that a variable names; "" where it names none. Raises SettingsError."""
    path = environment.get(name, "")
    return parsed(name, path, _first_line) if path else ""


def parsed(name: str, text: str, parse: Callable[[str], T]) -> T:
    """What `parse` makes of a variable's text. Raises SettingsError naming the variable."""
    try:
        return parse(text)
    except ValueError as error:
        shown = re.sub(r":.*@", ":***@", text)  # a URL may hold a password
        raise SettingsError(f"{name}={shown!r}: {error}", f"set {name} in the compose file") from None


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().split("\n")[0].rstrip("\r")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
