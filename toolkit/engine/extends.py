"""Resolves `extends` where a compose command prints it as it is written, as podman-compose does.

A service that a pair is derived from has to be whole, because the one that it extends may be a pair too, and
is then not in the document any more. The rules of merging are compose's: mappings are merged by key, lists
are joined, and all else is the extending service's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.engine.compose_lines import place
from toolkit.errors import Refused

Document = dict[str, Any]
OVER = ("command", "entrypoint", "test")  # lists that replace and are not joined


def resolved(services: Mapping[str, Document], paths: Sequence[Path]) -> dict[str, Document]:
    """The services with all that they extend. Raises Refused for what is in another file, or is a circle."""
    return {name: _whole(services, name, (), paths) for name in services}


def _whole(
    services: Mapping[str, Document], name: str, above: tuple[str, ...], paths: Sequence[Path]
) -> Document:
    own = services[name] or {}
    told = own.get("extends")
    if not told:
        return own
    other = told if isinstance(told, str) else str(told.get("service"))
    if (isinstance(told, dict) and told.get("file")) or other not in services or other in (*above, name):
        where = f"{place(paths, name, 'extends')}: {name} extends {other}"
        why = "this compose command does not say what that is, so no pair can be made of it"
        raise Refused(where, why, f"write {name} without extends, or use docker compose")
    base = _whole(services, other, (*above, name), paths)
    return _merged(base, {key: value for key, value in own.items() if key != "extends"})


def _merged(base: Document, own: Document) -> Document:
    made = dict(base)
    for key, value in own.items():
        there = made.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            made[key] = _merged(there, value)
        elif isinstance(there, list) and isinstance(value, list) and key not in OVER:
            made[key] = [*[each for each in there if each not in value], *value]
        else:
            made[key] = value
    return made
