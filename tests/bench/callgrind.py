"""What callgrind has counted: instructions by library, and with all that they called, by function."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

NAME = re.compile(r"(\(\d+\))(?: (.+))?")
# Code that no file has, which is LuaJIT's compiled traces.
COMPILED = "compiled Lua"


@dataclass
class Profile:
    """`own`: instructions by library; `whole`: of calls to a function from others, by its name."""

    own: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)


def read(dump: str) -> Profile:
    """One dump of callgrind's, in its format 1: names are given once, and later by their number."""
    found, names = Profile(), dict[tuple[str, str], str]()
    library = called = ""
    is_call = False
    for line in dump.splitlines():
        key, is_named, value = line.partition("=")
        if is_named and key in ("ob", "fn", "cfn", "cob"):
            name = _name(names, key.removeprefix("c"), value)
            if key == "ob":
                library = name
            elif key == "cfn":
                called = name
        elif key == "calls":
            is_call = True
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            count = int(line.split()[1])
            if is_call:
                found.whole[called] += count
            else:
                found.own[_library(library)] += count
            is_call = False
    return found


def _name(names: dict[tuple[str, str], str], kind: str, value: str) -> str:
    found = NAME.fullmatch(value)
    assert found, value
    if found[2]:
        names[kind, found[1]] = found[2]
    return names.get((kind, found[1]), "")


def _library(path: str) -> str:
    return path.rpartition("/")[2] if path not in ("", "???") else COMPILED
