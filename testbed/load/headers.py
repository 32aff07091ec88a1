"""What a browser sends with each kind of request: Chromium's choice, which test_headers.py compares.

A WebSocket's handshake has neither Referer nor Sec-Fetch-*: nothing tells which page it is of.
"""

from __future__ import annotations

Headers = dict[str, str]

AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
)
ALWAYS: Headers = {"User-Agent": AGENT, "Accept-Language": "en-US,en;q=0.9"}
FRESH: Headers = {"Pragma": "no-cache", "Cache-Control": "no-cache"}

_DOCUMENT = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_ASSETS = {"css": ("text/css,*/*;q=0.1", "style"), "js": ("*/*", "script"), "svg": (_IMAGE, "image")}


def navigation(referer: str | None = None) -> Headers:
    """A navigation to a page: by a link on the page `referer`, or, without one, by typing its address."""
    return {
        "Upgrade-Insecure-Requests": "1",
        "Accept": _DOCUMENT,
        **_fetched("same-origin" if referer else "none", "navigate", "document"),
        "Sec-Fetch-User": "?1",
        **({"Referer": referer} if referer else {}),
    }


def landing(referer: str) -> Headers:
    """The navigation to the page to which a form on `referer` has led, by a redirect."""
    return {"Cache-Control": "max-age=0", **navigation(referer)}


def form(origin: str, referer: str) -> Headers:
    """The sending of a form: a navigation by POST."""
    return {"Origin": origin, **landing(referer)}


def asset(path: str, origin: str, referer: str, *, module: bool = False) -> Headers:
    """An asset that a document, stylesheet or module (`referer`) loads. Modules are loaded with CORS."""
    accept, kind = _ASSETS.get(path.rsplit(".", 1)[-1], ("*/*", "empty"))
    mode = "cors" if module else "no-cors"
    return {
        **({"Origin": origin} if module else {}),
        "Accept": accept,
        **_fetched("same-origin", mode, kind),
        "Referer": referer,
    }


def events(referer: str, last: str = "") -> Headers:
    """new EventSource(); with `last`, its next connection after the event with that id."""
    return {
        "Cache-Control": "no-cache",
        "Accept": "text/event-stream",
        **({"Last-Event-ID": last} if last else {}),
        **_fetched("same-origin", "cors", "empty"),
        "Referer": referer,
    }


def fetch(referer: str) -> Headers:
    """fetch() of a script on the page `referer`, past the cache."""
    return {**FRESH, "Accept": "*/*", **_fetched("same-origin", "cors", "empty"), "Referer": referer}


def post(origin: str, referer: str) -> Headers:
    """fetch() with a body."""
    return {"Accept": "*/*", "Origin": origin, **_fetched("same-origin", "cors", "empty"), "Referer": referer}


def handshake(origin: str) -> Headers:
    """new WebSocket()."""
    return {**FRESH, "Origin": origin}


def _fetched(site: str, mode: str, kind: str) -> Headers:
    return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": kind}
