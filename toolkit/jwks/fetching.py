"""Fetches a JWK Set from its address, or reads it from its file: bounded in size and time."""

import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from toolkit.config.jwks_table import KeySet
from toolkit.errors import Failed
from toolkit.terminal.ui import printable

if TYPE_CHECKING:
    import requests

MOST_BYTES = 256 * 1024
SECONDS = 10.0  # for an answer, from beginning to end
SILENCE = 5.0  # between two pieces of one
CHUNK = 16 * 1024


def text_of(table: KeySet, root: Path) -> bytes:
    """Raises Failed."""
    if not table.url:
        return _read(root / table.file)
    url, ca = str(table.url), root / table.ca_file if table.ca_file else None
    if ca and not ca.exists():
        raise Failed(f"{ca} does not exist", "ca_file names it", "edit bgctl.toml")
    return _in_time(lambda: _fetch(url, ca), url)


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Failed(f"{path} is no file", "it is of another kind", f"ls -l {path}")
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Failed(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    return _bounded(text, str(path), f"ls -l {path}")


def _at_once(path: str, flags: int) -> int:
    """To open a pipe waits until somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _in_time(fetch: Callable[[], bytes], url: str) -> bytes:
    """What `fetch` returns or raises, or Failed when its time is over.

    The time-outs of requests are for one read from the connection each: a server that sends a byte now and
    then has no end by them, nor has the search for its name. The thread that waits for it ends with bgctl.
    """
    done: Future[bytes] = Future()

    def run() -> None:
        try:
            done.set_result(fetch())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return done.result(SECONDS)
    except TimeoutError:
        raise Failed(f"{url} is too slow", f"it has {SECONDS:g} s", f"curl {url}") from None


def _fetch(url: str, ca: Path | None) -> bytes:
    import requests

    try:
        with requests.get(
            url,
            headers={"Accept": "application/jwk-set+json, application/json"},
            auth=_no_one,
            timeout=SILENCE,
            verify=str(ca) if ca else True,
            allow_redirects=False,
            stream=True,
        ) as answer:
            _check_status(answer, url)
            return _body(answer, url)
    except requests.RequestException as error:
        raise Failed(f"{url} gives no answer", _reason(error), f"curl {url}") from None


def _no_one(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    """No credentials: requests would look for some in ~/.netrc."""
    return request


def _check_status(answer: "requests.Response", url: str) -> None:
    if answer.is_redirect:
        where = printable(answer.headers.get("Location", "")[:200])
        why = "redirects are not followed; its url has to say where the keys themselves are"
        raise Failed(f"{url} leads on to {where}", why, "edit bgctl.toml")
    if answer.status_code != 200:
        raise Failed(f"{url} answers with status {answer.status_code}", "", f"curl -i {url}")


def _body(answer: "requests.Response", url: str) -> bytes:
    """Stops when its time is over, if not at once: nobody waits for it any more (_in_time)."""
    text, ends = b"", time.monotonic() + SECONDS
    for chunk in answer.iter_content(CHUNK):
        text = _bounded(text + chunk, url, f"curl {url}")
        if time.monotonic() > ends:
            break
    return text


def _bounded(text: bytes, where: str, next: str) -> bytes:
    if len(text) > MOST_BYTES:
        raise Failed(f"{where} is too large", f"{MOST_BYTES // 1024} KiB are read at most", next)
    return text


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted here (ca_file)"
    if isinstance(error, requests.Timeout):
        return "timed out"
    words = str(error).lower()
    if "name or service" in words or "resolve" in words:
        return "its name is not known"
    return "connection refused" if "refused" in words else "connection broken"
