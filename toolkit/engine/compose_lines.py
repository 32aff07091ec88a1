"""Which line of which compose file says something: "compose.yaml:12", for messages.

The files are read by their indentation alone, because what compose commands print has no line numbers.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolkit.values import SLOTS


def names(paths: Sequence[Path]) -> str:
    """The compose files, for messages about all of them."""
    return ", ".join(path.name for path in paths)


def place(paths: Sequence[Path], service: str, key: str = "") -> str:
    """ "compose.yaml:12", where a service has this key; the last of several files prevails, as for compose.

    Where none has the key it is the service's own line, in the first file that has the service. A derived
    slot (toolkit/engine/derivation.py) stands where its service does.
    """
    derived = re.fullmatch(rf"(.+)-({'|'.join(SLOTS)})(-[0-9]+)?", service)
    names = [service, *([derived[1]] if derived else [])]
    seen = next((found for name in names if (found := _seen(paths, name))), [])
    for path, lines in reversed(seen):
        if key and key in lines:
            return f"{path.name}:{lines[key]}"
    return f"{seen[0][0].name}:{seen[0][1]['']}" if seen else f"{paths[0].name}:1"


def services(paths: Sequence[Path]) -> list[str]:
    """The services in the order in which people have written them: compose commands sort them."""
    keys = (found for path in paths for found in _keys(path))
    return list(dict.fromkeys(own for depth, parents, own in keys if depth and parents == ("services",)))


def with_key(paths: Sequence[Path], key: str) -> list[str]:
    """The services that have this key, such as `profiles`: `config` need not print all of them."""
    found: dict[str, None] = {}
    for path in paths:
        for depth, parents, own in _keys(path):
            if depth == 2 and parents[0] == "services" and own == key:
                found[parents[1]] = None
    return list(found)


def _seen(paths: Sequence[Path], service: str) -> list[tuple[Path, dict[str, int]]]:
    return [(path, lines) for path in paths if (lines := _lines_of(path, service))]


def _lines_of(path: Path, service: str) -> dict[str, int]:
    """The line of a service (under "") and of each of its keys; empty where this file has no such service."""
    found: dict[str, int] = {}
    for number, (depth, parents, key) in enumerate(_keys(path), 1):
        if depth and parents[:1] == ("services",) and parents[1:2] in ((), (service,)):
            if parents == ("services",) and key == service:
                found.setdefault("", number)
            elif len(parents) == 2:
                found.setdefault(key, number)
    return found


def _keys(path: Path) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """For each line its depth, the keys above it and its own; a line without a key has the depth 0."""
    above: list[tuple[int, str]] = []
    for line in path.read_text("utf-8", "replace").splitlines():
        if match := re.match(r"( *)[\"']?([^\s\"'#:\[\]{},-][^\s\"':]*)[\"']?\s*:(\s|$)", line):
            indent = len(match[1])
            above = [each for each in above if each[0] < indent]
            yield len(above), tuple(key for _, key in above), match[2]
            above.append((indent, match[2]))
        else:
            yield 0, (), ""
