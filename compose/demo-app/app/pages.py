"""Makes pages and assets. All text that comes from outside is escaped here, and only here."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from .logbook import Entry
from .notes import Note

HERE = Path(__file__).parent
TEMPLATES = {path.stem: Template(path.read_text()) for path in (HERE / "templates").glob("*.html")}
SOURCES = {path.name: path.read_bytes() for path in (HERE / "assets").iterdir()}
# The places where a stylesheet or a module names another asset.
NAMED = re.compile(rb'(url\("|from "\./)([a-z]+\.[a-z]+)"')


class Assets:
    """The assets of one version. Their names carry a hash that only this version has, as a bundler's do."""

    def __init__(self, version: str) -> None:
        self._hashed = {name: _hashed(version, name, content) for name, content in SOURCES.items()}
        self.urls = {name: f"/assets/{hashed}" for name, hashed in self._hashed.items()}
        self.files = {
            hashed: (self._linked(SOURCES[name]), mimetypes.guess_type(name)[0] or "application/octet-stream")
            for name, hashed in self._hashed.items()
        }

    def _linked(self, content: bytes) -> bytes:
        """The text of an asset, with the hashed names of the assets that it names."""
        return NAMED.sub(lambda found: found[1] + self._hashed[found[2].decode()].encode() + b'"', content)


def _hashed(version: str, name: str, content: bytes) -> str:
    digest = hashlib.sha256(version.encode() + b"\0" + content).hexdigest()[:10]
    stem, suffix = name.rsplit(".", 1)
    return f"{stem}.{digest}.{suffix}"


class Pages:
    def __init__(self, version: str, assets: Assets) -> None:
        self._version = version
        self._urls = {name.replace(".", "_"): url for name, url in assets.urls.items()}

    def home(self, slot: str, user: str | None, notes: Iterable[Note]) -> str:
        items = "".join(
            _fill("note", author=note.author, text=note.text, at=f"{note.at:%H:%M} UTC") for note in notes
        )
        account = _fill("signed-in", user=user, initial=user[0].upper()) if user else _fill("signed-out")
        return self._page("home", "Board", slot, {"account": account, "notes": items})

    def log(self, slot: str, entries: Iterable[Entry]) -> str:
        items = "".join(
            _fill("entry", who=entry.who, what=entry.what, at=f"{entry.at:%H:%M} UTC") for entry in entries
        )
        head = _fill("log-head", **self._urls)
        return self._page("log", "Log", slot, {"entries": items}, head=head)

    def login(self, slot: str, problem: str = "", user: str = "", email: str = "") -> str:
        alert = _fill("alert", text=problem) if problem else ""
        return self._page("login", "Log in", slot, {"alert": alert}, user=user, email=email)

    def error(self, slot: str, title: str, text: str) -> str:
        return self._page("error", title, slot, {}, heading=title, text=text)

    def _page(
        self, name: str, title: str, slot: str, parts: dict[str, str], head: str = "", **values: str
    ) -> str:
        where = f"the {slot} slot" if slot != "none" else "no slot: no proxy is in front"
        common = {"version": self._version, "slot": slot, "where": where, "title": title, **self._urls}
        main = _fill(name, parts, **common, **values)
        return _fill("base", {"main": main, "head": head}, **common)


def _fill(name: str, parts: dict[str, str] | None = None, /, **values: str) -> str:
    """Fill a template: `parts` are HTML already, `values` are text and get escaped."""
    return TEMPLATES[name].substitute({key: escape(value) for key, value in values.items()}, **(parts or {}))
