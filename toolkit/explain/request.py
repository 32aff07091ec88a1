"""The request that `bgctl explain` asks about."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit.errors import Refused

# What browsers send with the load of a page (Fetch Metadata Request Headers).
PAGE_LOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept": "text/html"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ACCEPTED = (
    "a token, header lines such as 'Cookie: ...', a cookie jar of curl with --url, or a curl command line "
    "are read from standard input"
)


class Request(Struct, frozen=True, omit_defaults=True):
    """As the JSON that the proxy's `POST /explain` takes. Names of headers are in small letters.

    `path` includes the query; "" if only headers are known.
    """

    method: str = "GET"
    path: str = ""
    host: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def at(self, url: str) -> "Request":
        """The same request for another address. Raises Refused if `url` is none."""
        found = split(url)
        path = urlunsplit(("", "", found.path or "/", found.query, ""))
        return replace(self, path=path, host=found.netloc.rpartition("@")[2])

    def with_headers(self, headers: dict[str, str]) -> "Request":
        return replace(self, headers={**self.headers, **headers})


def split(url: str) -> SplitResult:
    """The parts of an address, which may lack its scheme. Raises Refused if `url` is no address."""
    try:
        found = urlsplit(url if "//" in url else f"//{url}")
        why = "" if found.hostname else "it has no host"
    except ValueError as error:
        why = str(error)
    if why:
        raise Refused(f"{url!r} is no address", why, "bgctl explain --url https://shop.example/page")
    return found


def add(headers: dict[str, str], name: str, value: str) -> None:
    """Adds a header. Of several the last one stands, save that cookies are joined (RFC 9113, 8.2.3)."""
    name = name.lower()
    if name == "cookie" and name in headers:
        value = f"{headers[name]}; {value}"
    headers[name] = value
