"""Which files a compose command reads when it prints the compose file, as far as the files themselves say."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

# What spells a character of a text in another way: a variable's name could stand there unseen.
_ESCAPES = re.compile(r"\\(?:[xuU]|\r?\n)")
CONTENTS = ("secrets", "configs")  # whose files are compared as well


class UnknownFileError(Exception):
    """A file is named in a way that only the compose command understands."""


def of(files: Sequence[Path], root: Path) -> list[Path] | None:
    """The files that make up a compose file of the folder `root`, and all that they name.

    None: they cannot be told, because one is named by a variable, or in a file that is included or extended.
    """
    try:
        return [*files, *(root / name for path in files for name in _named(path, root))]
    except (UnknownFileError, OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return None


def _named(path: Path, root: Path) -> Iterator[str]:
    text = path.read_bytes().decode()
    if path.parent.resolve() != root.resolve() or _ESCAPES.search(text):
        raise UnknownFileError
    document = msgspec.yaml.decode(text, type=dict[str, Any])
    if document.get("include"):
        raise UnknownFileError
    for service in _tables(document.get("services")):
        extended = service.get("extends")
        if isinstance(extended, dict) and extended.get("file"):
            raise UnknownFileError
        for key in ("env_file", "label_file"):
            yield from map(_plain, _paths(service.get(key)))
    for each in (each for key in CONTENTS for each in _tables(document.get(key))):
        yield from map(_plain, _paths(each.get("file")))


def _tables(found: object) -> Iterable[dict[str, Any]]:
    """Of a mapping, the values that are mappings themselves."""
    return [each for each in found.values() if isinstance(each, dict)] if isinstance(found, dict) else []


def _paths(told: object) -> Iterator[object]:
    """Of one path or several, each a text or a table."""
    for each in told if isinstance(told, list) else [told] if told else []:
        yield each.get("path") if isinstance(each, dict) else each


def _plain(name: object) -> str:
    """A path without variables, which is one of the project's folder or an absolute one."""
    if not isinstance(name, str) or "$" in name or name.startswith("~"):
        raise UnknownFileError
    return name
