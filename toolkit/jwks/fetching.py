"""Fetches a JWK Set from its address, or reads it from its file: bounded in size and time."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.config.jwks_table import KeySet
from toolkit.errors import Failed

if TYPE_CHECKING:
    import requests

MOST_BYTES = 256 * 1024
SECONDS = 10.0  # for an answer, from beginning to end
CHUNK = 16 * 1024


def text_of(table: KeySet, root: Path) -> bytes:
    """Raises Failed."""
    return _fetch(table, root) if table.url else _read(root / table.file)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Failed(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    return _bounded(text, str(path))


def _fetch(table: KeySet, root: Path) -> bytes:
    import requests

    ca = root / table.ca_file if table.ca_file else None
    if ca and not ca.exists():
        raise Failed(f"{ca} does not exist", "ca_file names it", "edit bgctl.toml")
    ends = time.monotonic() + SECONDS
    try:
        with requests.get(
            str(table.url),
            headers={"Accept": "application/jwk-set+json, application/json"},
            auth=_no_one,
            timeout=SECONDS / 2,
            verify=str(ca) if ca else True,
            allow_redirects=False,
            stream=True,
        ) as answer:
            _check_status(answer, str(table.url))
            return _body(answer, ends)
    except requests.RequestException as error:
        raise Failed(f"{table.url} gives no answer", _reason(error), f"curl {table.url}") from None


def _no_one(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    """No credentials: requests would look for some in ~/.netrc."""
    return request


def _check_status(answer: "requests.Response", url: str) -> None:
    if answer.is_redirect:
        where = answer.headers.get("Location", "")
        raise Failed(
            f"{url} leads on to {where[:200]}", "redirects are not followed", "write that as its url"
        )
    if answer.status_code != 200:
        raise Failed(f"{url} answers with status {answer.status_code}", "", f"curl -i {url}")


def _body(answer: "requests.Response", ends: float) -> bytes:
    text = b""
    for chunk in answer.iter_content(CHUNK):
        text = _bounded(text + chunk, answer.url)
        if time.monotonic() > ends:
            raise Failed(f"{answer.url} is too slow", f"it has {SECONDS:g} s")
    return text


def _bounded(text: bytes, where: str) -> bytes:
    if len(text) > MOST_BYTES:
        raise Failed(f"{where} is too large", f"{MOST_BYTES // 1024} KiB are read at most")
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
