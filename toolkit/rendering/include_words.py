"""What may be written in an argument of a directive of [proxy] include, and how nginx is given it."""

import re
from collections.abc import Iterator

# Variables that say nothing secret, and nothing that a client could have line ends in ($uri is decoded).
VARIABLES = frozenset({"host", "request_uri", "args", "is_args", "scheme", "remote_addr", "request_id"})
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|)")
# What nginx reads as another character within quotes: a parser may leave it as it is.
_ESCAPE = re.compile(r"\\[\\\"'trn]|\\$")


def faults(text: str, variables: bool = True, captures: bool = False) -> Iterator[str]:
    """Why an argument is not understood. `captures`: $1 to $9 may stand in it."""
    if not text.isprintable():
        yield "has characters that cannot be shown; write it in one line"
    if _ESCAPE.search(text):
        yield f"has a backslash before a quote, a letter or another backslash: {text}; write it without"
    if not variables:
        return
    for match in _VARIABLE.finditer(text):
        name = match[1] or match[2] or ""
        if name not in VARIABLES and not (captures and re.fullmatch("[1-9]", name)):
            yield f"has ${name}, which it must not; write one of ${', $'.join(sorted(VARIABLES))}"


def quoted(text: str) -> str:
    """An argument as nginx takes it, whatever is in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def leads_somewhere(target: str) -> bool:
    """Whether a redirect leads to a path, or to an address."""
    return re.match(r"/|(https?|\$scheme|\$\{scheme\})://", target) is not None


def prefix_of(pattern: str) -> str | None:
    """The beginning that every path must have that a pattern of `rewrite` matches; None: it has none.

    So it can be seen whether a redirect would take what is not its own.
    """
    found = re.match(r"\^((?:[A-Za-z0-9_~/%-]|\\\.)+)(.?)", pattern)
    if not found or "|" in pattern:
        return None
    literal = found[1].replace("\\.", ".")
    return literal[:-1] if found[2] in ("?", "*", "{", "+") else literal
