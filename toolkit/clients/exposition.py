"""Reads what our own /metrics say, in Prometheus' text format (version 0.0.4)."""

import re
from collections.abc import Iterator

_ROW = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = dict[str, str]


def rows(text: str) -> Iterator[tuple[str, Labels, float]]:
    """Name, labels and value of each series; a line that is none is left out."""
    for line in text.splitlines():
        if (found := _ROW.fullmatch(line)) is None:
            continue
        name, labels, value = found.groups()
        try:
            number = float(value)
        except ValueError:
            continue
        yield name, {key: _plain(each) for key, each in _LABEL.findall(labels or "")}, number


def _plain(value: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPED.get(found[0], found[0]), value)
