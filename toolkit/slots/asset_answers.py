"""What a slot answers to somebody unknown who asks for its files: only what everybody gets is kept."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from toolkit.errors import Failed
from toolkit.health.check import Check

WITHIN = 60.0  # seconds for all files of a service
ONE = 5.0  # seconds for one of them
OURS_ALONE = re.compile(r"(^|[,\s])(private|no-store)([,\s=]|$)", re.I)

Noted = tuple[str, str]  # Content-Type and Cache-Control, as the app has sent them


def of_all(check: Check, paths: Iterable[str]) -> Iterator[tuple[str, Noted]]:
    """Each path that everybody gets as a file, with what was noted of it.

    Left out is what is answered otherwise than with 200, with the page of a single-page app in its place, or
    as nobody else's (`private`, `no-store`). Raises Failed where the slot does not answer.
    """
    until = time.monotonic() + WITHIN
    with closing(HTTPConnection(check.address.host, check.address.port, timeout=ONE)) as line:
        for path in paths:
            if time.monotonic() > until:
                why = f"it did not say within {WITHIN:g} s which of its files everybody gets"
                raise Failed(f"{check.service} is slow", why, "bgctl doctor")
            if noted := _noted(line, check, path):
                yield path, noted


def _noted(line: HTTPConnection, check: Check, path: str) -> Noted | None:
    status, kind, caching = _ask_twice(line, check, path)
    is_page = kind.lower().startswith("text/html") and not re.search(r"\.x?html?$", path, re.I)
    return None if status != 200 or is_page or OURS_ALONE.search(caching) else (kind, caching)


def _ask_twice(line: HTTPConnection, check: Check, path: str) -> tuple[int, str, str]:
    """Once more on a new connection: an app may close one that was kept open at any time."""
    try:
        return _ask(line, check, path)
    except (OSError, HTTPException):
        line.close()
    try:
        return _ask(line, check, path)
    except (OSError, HTTPException) as error:
        why = f"HEAD {path} at {check.address}: {error or type(error).__name__}"
        raise Failed(f"{check.service} does not answer", why, "bgctl status") from None


def _ask(line: HTTPConnection, check: Check, path: str) -> tuple[int, str, str]:
    headers = check.headers | {"Accept": "*/*", "User-Agent": "bgctl-assets", "Connection": "keep-alive"}
    line.request("HEAD", quote(path), headers=headers)
    with line.getresponse() as answer:
        answer.read()
        return (
            answer.status,
            _plain(answer.getheader("Content-Type")),
            _plain(answer.getheader("Cache-Control")),
        )


def _plain(value: str | None) -> str:
    """The value of a header as far as it can stand in one of ours."""
    return value if value and re.fullmatch(r"[ -~]{1,300}", value) else ""
