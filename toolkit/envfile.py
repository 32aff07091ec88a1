"""The compose env file: KEY=VALUE lines, read strictly; one key is rewritten and all else left as it is."""

import re
from pathlib import Path

from toolkit import atomic
from toolkit.errors import Refused
from toolkit.values import is_version

VERSIONS = ("CURRENT_VERSION", "VERSION")
_LINE = re.compile(r"(\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=)(.*)", re.DOTALL)
_VALUE = r"""'[^']*'|"(?:\\.|[^"\\])*"|(?!['"])(?:(?!(?<=\s)\#).)*?"""
_REST = re.compile(rf"([^\S\r\n]*+)({_VALUE})(\s*(?:(?<=\s)\#.*)?)", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9._+:/@,=-]*")


def parse(text: str, name: str = ".env") -> dict[str, str]:
    """Raises Refused naming line and mend."""
    values: dict[str, str] = {}
    for number, line in enumerate(_lines(text), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, value = _entry(line, f"{name}:{number}")
        if key in VERSIONS and not is_version(value):
            why = f"{key} is {value!r}, which is no version; write one like 1.2.3"
            raise Refused(f"{name}:{number}", why, f"edit {name}")
        if key in values:
            why = f"{key} is set a second time; remove one of the lines"
            raise Refused(f"{name}:{number}", why, f"edit {name}")
        values[key] = value
    return values


def rewrite(text: str, key: str, value: str) -> str:
    """`text` with `key` set; comments, order, blanks and line ends stay. A new key goes to the end."""
    lines = _lines(text)
    for index, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match and match[2] == key and (rest := _REST.fullmatch(match[3])):
            # Of an empty value, the blanks before the comment are what keeps them apart.
            before, after = ("", rest[1] + rest[3]) if rest[3].startswith("#") else (rest[1], rest[3])
            lines[index] = f"{match[1]}{before}{_quote(value)}{after}"
            return "".join(lines)
    gap = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{gap}{key}={_quote(value)}\n"


def load(path: Path) -> dict[str, str]:
    return parse(_read(path), path.name)


def set_value(path: Path, key: str, value: str) -> None:
    """Atomic, through a symbolic link too, keeping mode and owner; writes only what differs."""
    path = path.resolve()
    text = _read(path)
    if parse(text, path.name).get(key) != value:
        atomic.write(path, rewrite(text, key, value).encode(), like=path.stat())


def _entry(line: str, where: str) -> tuple[str, str]:
    if not (match := _LINE.fullmatch(line)):
        why = f"{line.strip()!r} is not KEY=VALUE; write it so, or start the line with #"
        raise Refused(where, why, f"edit {where.partition(':')[0]}")
    if not (rest := _REST.fullmatch(match[3])):
        why = f"the quotes of {match[2]} do not close; write {match[2]}='...'"
        raise Refused(where, why, f"edit {where.partition(':')[0]}")
    return match[2], _unquote(rest[2])


def _unquote(token: str) -> str:
    if token.startswith('"'):
        return re.sub(r'\\(["\\$])', r"\1", token[1:-1])
    return token[1:-1] if token.startswith("'") else token


def _quote(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'


def _lines(text: str) -> list[str]:
    # Only \n ends a line, as in compose; str.splitlines would split at form feeds and others.
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        why = "it names the versions; write CURRENT_VERSION=... into it"
        raise Refused(f"{path} does not exist", why, f"edit {path.name}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read", str(error), f"edit {path.name}") from None
