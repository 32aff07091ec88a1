"""The operator's own lines for nginx ([proxy] include), read by a parser of nginx's language.

What nginx reads is not this file, but what include_rules.py makes of it: so no two readers can understand it
in two ways.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from toolkit.config import Config
from toolkit.errors import BgctlError, Refused, together
from toolkit.rendering import include_rules, passwords
from toolkit.rendering.include_values import Directive, Include
from toolkit.rendering.nginx_conf import NO_INCLUDE


class Read(Struct, frozen=True):
    """What nginx is to be told, and the password files that it is to have, by their paths below proxy/."""

    include: Include
    files: dict[str, bytes]


NOTHING = Read(NO_INCLUDE, {})


def load(config: Config, root: Path) -> Read:
    """`root` is the project's folder. Raises Refused with file and line of all that is not understood."""
    name = str(config.proxy.include)
    if not name:
        return NOTHING
    found, wrong = include_rules.read(_parse(root, name), name, config)
    files: dict[str, bytes] = {}
    places: dict[str, str] = {}  # of password files: their path in the project, and below proxy/
    for path, where in found.password_files:
        try:
            data = passwords.read(root / path, path, where)
            places[path] = passwords.place(data)
            files[places[path]] = data
        except Refused as error:
            wrong.append(error)
    if wrong:
        raise together(wrong)
    return Read(found.with_passwords(places), files)


def names(config: Config, root: Path) -> list[str]:
    """The file and the password files that it names. Raises Refused for one that cannot be read."""
    name = str(config.proxy.include)
    if not name:
        return []
    found, _ = include_rules.read(_parse(root, name), name, config)
    return [name, *[path for path, _ in found.password_files]]


def problems(config: Config, root: Path) -> Iterator[BgctlError]:
    """What is wrong with the file, if there is one."""
    try:
        load(config, root)
    except BgctlError as error:
        yield error


def _parse(root: Path, name: str) -> list[Directive]:
    try:
        import crossplane
    except ImportError:
        why = "the library that reads nginx's language, crossplane, is not here"
        mend = "pipx inject bgctl crossplane, or: pip install 'bgctl[include]'"
        raise Refused(f'[proxy] include = "{name}" cannot be read', why, mend) from None
    path = root / name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Refused(f"[proxy] include names {name}", why, f"make {name}, or edit bgctl.toml") from None
    found = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False)["config"][0]
    if found["errors"]:
        first = found["errors"][0]
        line = first["line"] or len(text.splitlines())
        why = str(first["error"]).removesuffix(f" in {path}:{line}") or "it ends within a directive"
        raise Refused(f"{name}:{line}", f"nginx could not read it: {why}", f"edit {name}")
    return [_directive(each) for each in found["parsed"]]


def _directive(raw: dict[str, Any]) -> Directive:
    block = raw.get("block")
    inner = None if block is None else tuple(_directive(each) for each in block)
    return Directive(raw["directive"], tuple(raw["args"]), raw["line"], inner)
