"""The compose env file: read as compose reads it, and changed in nothing but the value of a version.

A statement that any compose command accepts is accepted here. No message has a value: it may be a secret.
"""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from toolkit.errors import BgctlError, Refused, together
from toolkit.files import atomic
from toolkit.values import is_version

VERSIONS = ("CURRENT_VERSION", "VERSION")
MARK = "\ufeff"  # the byte order mark that some editors put before the first line
_BLANKS = r"[^\S\r\n]*"
_QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_HEAD = re.compile(rf"\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+){_BLANKS}=")
# docker compose also takes NAME: VALUE; docker-compose and podman-compose pass over it with a warning.
_COLON = re.compile(rf"(\s*(?:export[^\S\r\n]+)?([\w.\[\]-]+){_BLANKS}):(.*)", re.DOTALL)
_VALUE = re.compile(rf"{_BLANKS}({_QUOTED}|[^\r\n]*)", re.DOTALL)
_COMMENT = re.compile(r"\s+#.*")
_NAMED = re.compile(rf"\s*(?:export[^\S\r\n]+)?([A-Za-z_][\w.-]*){_BLANKS}[=:]")


class Statement(NamedTuple):
    """`value` is None for a name alone. It stands between `start` and `end` of the text, without quotes."""

    name: str
    value: str | None
    line: int
    start: int
    end: int


def parse(text: str, name: str = ".env", known: Mapping[str, str] | None = None) -> dict[str, str]:
    """The value of each name. `known` has more names for `${...}`; None: the environment of this process.

    Raises Refused naming all lines that are broken.
    """
    values, broken = _judged(text, name, known)
    if broken:
        raise together(broken)
    return values


def problems(path: Path) -> list[BgctlError]:
    """Everything that keeps it from being read: file, line and mend."""
    try:
        text = _text(path)
    except BgctlError as error:
        return [error]
    return _judged(text, path.name)[1]


def _judged(
    text: str, name: str, known: Mapping[str, str] | None = None
) -> tuple[dict[str, str], list[BgctlError]]:
    """The values by name, and the broken lines."""
    found, broken = read(text)
    values = resolve(found, known=known)
    counting = {each.name: each.line for each in found if each.value is not None}
    broken += [
        (counting[key], f"{key} is no version; write {key}=1.2.3")
        for key in VERSIONS
        if not is_version(values.get(key, "1")) and (values[key] or key == "CURRENT_VERSION")
    ]
    return values, [Refused(f"{name}:{line}", why, f"edit {name}") for line, why in sorted(broken)]


def read(text: str) -> tuple[list[Statement], list[tuple[int, str]]]:
    """The statements, and (line, what is wrong) of the broken lines."""
    from dotenv.parser import parse_stream

    found: list[Statement] = []
    problems: list[tuple[int, str]] = []
    offset = len(MARK) if text.startswith(MARK) else 0
    for binding in parse_stream(io.StringIO(text[offset:], newline="")):
        said = binding.original.string
        line = binding.original.line + _lines(said[: len(said) - len(said.lstrip())])
        if not binding.error and binding.key is not None:
            found.append(_statement(binding.key, binding.value, line, said, offset))
        elif binding.error and (colon := _with_colon(said, line, offset)):
            found.append(colon)
        elif binding.error:
            problems.append((line, _problem(said)))
        offset += len(said)
    return found, problems


def resolve(
    found: list[Statement], fixed: Mapping[str, str] | None = None, known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The values by name. `${NAME}` is the value above it, else that of `known`; `fixed` values always hold.

    A name without a value is left out: compose takes it from its own environment.
    """
    from dotenv.variables import parse_variables

    fixed = fixed or {}
    values: dict[str, str] = {}
    known = os.environ if known is None else known
    for each in found:
        if each.value is not None:
            names = {**known, **values}
            plain = "".join(atom.resolve(names) for atom in parse_variables(each.value))
            values[each.name] = fixed.get(each.name, plain)
    return values


def derived(text: str, fixed: Mapping[str, str]) -> dict[str, str]:
    """The names whose values change once `fixed` is in force, such as TAG=${VERSION}, with the new values."""
    found, _ = read(text)
    before, after = resolve(found), resolve(found, fixed)
    return {key: value for key, value in after.items() if value != before[key] and key not in fixed}


def rewrite(text: str, key: str, version: str) -> str:
    """`text` with another version. Of several lines for `key` the last counts; a new key goes to the end."""
    found, _ = read(text)
    counting = [each for each in found if each.name == key and each.value is not None]
    if counting:
        last = counting[-1]
        return f"{text[: last.start]}{version}{text[last.end :]}"
    end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if text in ("", MARK) or text.endswith("\n") else end
    return f"{text}{gap}{key}={version}{end}"


def load(path: Path) -> dict[str, str]:
    """The values of the file at `path`. Raises Refused as `parse` does."""
    return parse(_text(path), path.name)


def load_derived(path: Path, fixed: Mapping[str, str]) -> dict[str, str]:
    return derived(_text(path), fixed)


def set_value(path: Path, key: str, version: str) -> None:
    """Replaces the file, in one step, if that changes it. Symbolic links, mode and owner stay."""
    path = path.resolve()
    text = _text(path)
    if parse(text, path.name).get(key) != version:
        atomic.write(path, rewrite(text, key, version).encode(), like=path.stat())


def _statement(name: str, value: str | None, line: int, said: str, offset: int) -> Statement:
    head = _HEAD.match(said)
    if value is None or head is None:
        return Statement(name, None, line, offset, offset)
    start, end = _span(said, head.end())
    return Statement(name, _one_newline(value), line, offset + start, offset + end)


def _with_colon(said: str, line: int, offset: int) -> Statement | None:
    from dotenv.parser import parse_stream

    if not (match := _COLON.fullmatch(said)):
        return None
    bindings = list(parse_stream(io.StringIO(f"{match[1]}={match[3]}", newline="")))
    if any(binding.error for binding in bindings):
        return None
    start, end = _span(said, match.end(1) + 1)
    return Statement(match[2], bindings[0].value, line, offset + start, offset + end)


def _span(said: str, after: int) -> tuple[int, int]:
    """Start and end of the value in a statement whose `=` ends at `after`."""
    match = _VALUE.match(said, after)
    if match is None:
        return after, after
    if match[1][:1] in ("'", '"'):
        return match.start(1) + 1, match.end(1) - 1
    blank_first = match.start(1) > after
    plain = "" if blank_first and match[1].startswith("#") else _COMMENT.sub("", match[1]).rstrip()
    # Of an empty value, the blanks before the comment are what keeps them apart.
    return (match.start(1), match.start(1) + len(plain)) if plain else (after, after)


def _problem(said: str) -> str:
    if not (named := _NAMED.match(said)):
        return "it is not KEY=VALUE; write it so (a value of several lines in quotes), or start it with #"
    quoted = _VALUE.match(said, named.end())
    closed = quoted and re.match(_QUOTED, quoted[1], re.DOTALL)
    quotes = f"the quotes of {named[1]}"
    why = f"something follows {quotes}" if closed else f"{quotes} do not close"
    return f"{why}; write {named[1]}='...'"


def _lines(text: str) -> int:
    return len(re.findall(r"\r\n|\n|\r", text))


def _one_newline(value: str) -> str:
    return re.sub(r"\r\n?", "\n", value)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        why = "it names the versions; write CURRENT_VERSION=... into it"
        raise Refused(f"{path} does not exist", why, f"edit {path.name}") from None
    except OSError as error:
        raise Refused(f"{path} cannot be read", str(error), f"edit {path.name}") from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        why = f"it is not UTF-8 ({error.reason}, byte {error.start + 1}); save it as UTF-8"
        raise Refused(f"{path.name}:{line}", why, f"edit {path.name}") from None
