"""Parses what people paste to ask about a request: a token, header lines, a cookie jar, or a curl command."""

import re
from collections.abc import Iterator

from toolkit.errors import Refused
from toolkit.explain import curl
from toolkit.explain.request import ACCEPTED, METHODS, Request, add, split


def read(text: str, url: str = "") -> Request:
    """The request that `text` describes, for address `url` if there is one. Raises Refused for no request."""
    text = text.lstrip("\ufeff")
    if curl.is_curl(text):
        found = curl.parse(text)
    elif any(map(_row, text.splitlines())):
        cookies = "; ".join(jar(text, url))
        found = Request(headers={"cookie": cookies} if cookies else {})
    else:
        found = lines(text)
    found = found.at(url) if url else found
    if not found.headers and not found.path:
        raise Refused("nothing to explain", ACCEPTED, "bgctl explain < token.txt")
    return found


def lines(text: str) -> Request:
    """The request of a bare token, or of the lines of a request, which `curl -v` marks with ">"."""
    method, path = "GET", ""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        bare = line.strip("<> \t")
        name, colon, value = bare.partition(":")
        words = bare.split()
        if len(words) == 3 and words[0] in METHODS and words[2].startswith("HTTP/"):
            method, path = words[0], words[1]
        elif colon and name and " " not in name:
            add(headers, name, value.strip())
        elif token := _token(bare):
            headers["authorization"] = f"Bearer {token}"
        elif bare:
            raise Refused("this is nothing that can be explained", ACCEPTED, "bgctl explain < token.txt")
    host = headers.pop("host", "")
    return Request(method, path, host, headers)


def jar(text: str, url: str) -> Iterator[str]:
    """`name=value` of each cookie in a cookie file (curl's, once Netscape's) that goes to `url`.

    Raises Refused if `url` is "": where cookies go depends on it.
    """
    if not url:
        raise Refused(
            "a cookie jar says nothing of where it goes", ACCEPTED, "bgctl explain --url https://..."
        )
    found = split(url)
    host, path = found.hostname or "", found.path or "/"
    for domain, below, at, secure, _, name, value in filter(None, map(_row, text.splitlines())):
        here = host == domain.lstrip(".") or (below == "TRUE" and host.endswith(f".{domain.lstrip('.')}"))
        deep = path == at or path.startswith(at if at.endswith("/") else f"{at}/")
        safe = secure != "TRUE" or found.scheme == "https" or host in ("localhost", "127.0.0.1", "::1")
        if here and deep and safe:
            yield f"{name}={value}"


def _row(line: str) -> list[str] | None:
    """The seven fields of a cookie's line in a cookie file; None if the line has no cookie."""
    fields = line.removeprefix("#HttpOnly_").split("\t")
    return fields if len(fields) == 7 and not fields[0].startswith("#") else None


def _token(line: str) -> str | None:
    token = line.removeprefix("Bearer ").strip()
    return token if re.fullmatch(r"[\w=-]+(\.[\w=-]*)+", token, re.ASCII) else None
