"""A request that somebody asks about, as the proxy's /explain takes it."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit.errors import Refused

# As browsers load a page (Fetch Metadata).
LOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept": "text/html"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ACCEPTED = (
    "a token, header lines such as 'Cookie: ...', a cookie jar of curl with --url, or a curl command line "
    "are read from standard input"
)


class Request(Struct, frozen=True, omit_defaults=True):
    """As the proxy's /explain takes it. Names of headers are small."""

    method: str = "GET"
    path: str = ""
    host: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def at(self, url: str) -> "Request":
        """The same for another address. Raises Refused for none."""
        found = split(url)
        path = urlunsplit(("", "", found.path or "/", found.query, ""))
        return replace(self, path=path, host=found.netloc.rpartition("@")[2])

    def with_headers(self, headers: dict[str, str]) -> "Request":
        return replace(self, headers={**self.headers, **headers})


def split(url: str) -> SplitResult:
    """Raises Refused for what is no address."""
    try:
        found = urlsplit(url if "//" in url else f"//{url}")
        why = "" if found.hostname else "it has no host"
    except ValueError as error:
        why = str(error)
    if why:
        raise Refused(f"{url!r} is no address", why, "bgctl explain --url https://shop.example/page")
    return found


def add(headers: dict[str, str], name: str, value: str) -> None:
    """Cookies that come in several lines are one header to the proxy; of others the last one stands."""
    name = name.lower()
    if name == "cookie" and name in headers:
        value = f"{headers[name]}; {value}"
    headers[name] = value
