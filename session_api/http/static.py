"""Serves the files below web/: read once, sent with an ETag, and not sent again to a client that has them."""

import hashlib
from importlib.resources import files

import falcon

from session_api import paths

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
ASSETS = ("dashboard.css", "dashboard.mjs", "dom.mjs", "icon.svg", "slots.mjs", "view.mjs", "words.mjs")


def load(name: str) -> bytes:
    """The content of a file below web/."""
    return files("session_api").joinpath("web", name).read_bytes()


def media_type(name: str) -> str:
    """Its Content-Type, by its suffix."""
    return MEDIA_TYPES[name.rpartition(".")[2]]


class FileResource:
    """One file. `cache_control` says for how long a browser may use it without asking again."""

    def __init__(self, name: str, cache_control: list[str], content: bytes | None = None) -> None:
        self._content = load(name) if content is None else content
        self._media_type = media_type(name)
        self._etag = hashlib.sha256(self._content).hexdigest()[:32]
        self._cache_control = cache_control

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.cache_control = self._cache_control
        resp.etag = self._etag
        resp.set_header("X-Content-Type-Options", "nosniff")
        known = req.if_none_match or []
        if self._etag in known or "*" in known:
            resp.status = falcon.HTTP_NOT_MODIFIED
            return
        resp.content_type = self._media_type
        resp.data = self._content


def resources(stem: str = "bg") -> dict[str, FileResource]:
    """The files by path: the module for the app's pages, and the parts of the dashboard.

    `stem` is what the names of cookies begin with; it replaces the default in the module.
    """
    module = load("client.mjs").replace(b'STEM = "bg"', f'STEM = "{stem}"'.encode())
    client = FileResource("client.mjs", ["public", "max-age=300"], module)
    # Browsers ask for these each time: all parts of a dashboard must be of one version.
    parts = {f"{paths.DASHBOARD}/{name}": FileResource(name, ["no-cache"]) for name in ASSETS}
    return {paths.CLIENT: client, **parts}
