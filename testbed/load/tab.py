"""A tab of a browser: the page that it shows, and all that this page loads, asks for and posts."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from . import headers
from .caller import Caller
from .judgement import Navigation, Page
from .scene import Answer

BOARD, LOG = "/", "/log"
API = {BOARD: "/api/whoami", LOG: "/api/log"}

TAG = re.compile(r'<(?:link|script|img)\b[^>]*?(?:href|src)="(/assets/[^"]+)"[^>]*>')
NAMED = re.compile(r'(?:url\("|from ")([^":]+)"')  # in a stylesheet, or in a module


class Tab(Caller):
    """A tab. `page` is None before the first navigation, and after one that failed."""

    page: Page | None = None
    _landing = False  # whether the page's form was sent, so that the next navigation follows its redirect

    async def view(self, path: str, calls: int = 1) -> None:
        """Views a page as a person does: document, assets, API calls, and now and then a note."""
        document = await self.open(path)
        if document is None or not await self.load(document):
            return
        assert self.page
        for _ in range(calls):
            await self.ask(API[path], self.page, headers.fetch(self.page.url))
        if random.random() < 0.25:
            await self.pin_note(self.page, headers.post(self.scene.base_url, self.page.url))

    async def open(self, path: str) -> Answer | None:
        """Navigates, from the page that is open if there is one. None, and no page, if that fails."""
        session, origin = self.person.session, self.scene.base_url
        await self.due()
        drains = session.version is not None and session.version == self.scene.draining
        judge = Navigation(session, lambda: self.scene.migrate)
        referer = self.page.url if self.page else None
        sent = headers.landing(referer) if referer and self._landing else headers.navigation(referer)
        self._landing = False
        answer = await self.request("GET", path, judge, headers=sent)
        if drains and session.version == self.scene.draining:
            session.views += 1
            self.recorder.viewed(session.views)
        self.page = None
        if answer:
            place = self.scene.serving.asks().found(next(iter(answer.versions())))
            self.page = Page(origin + path, place, session)
        return answer

    async def load(self, document: Answer) -> bool:
        """Loads all assets of the page, and those that these name in turn. False if one did not come."""
        assert self.page
        for path, module in _assets_of(document.text):
            if not await self._load(path, self.page.url, module=module):
                return False
        return True

    async def _load(self, path: str, referer: str, *, module: bool) -> bool:
        assert self.page
        origin = self.scene.base_url
        sent = headers.asset(path, origin, referer, module=module)
        answer = await self.send("GET", path, self.page, self.page.document, headers=sent)
        if answer is None:
            return False
        for name in NAMED.findall(answer.text) if path.endswith((".css", ".js")) else ():
            if not await self._load(urljoin(path, name), origin + path, module=path.endswith(".js")):
                return False
        return True

    async def submit(self, path: str, form: dict[str, Any]) -> Answer | None:
        """Sends a form of the page that is open. The next navigation is the one to which it leads."""
        assert self.page
        sent = headers.form(self.scene.base_url, self.page.url)
        answer = await self.send("POST", path, self.page, data=form, headers=sent)
        self._landing = answer is not None
        return answer

    async def log_out(self) -> None:
        """Logs out at once: by the button on the page, or, without a page, by the same request."""
        origin, session = self.scene.base_url, self.person.session
        page = self.page or Page(origin + BOARD, session.place, session)
        await self.request("POST", "/logout", page, headers=headers.form(origin, page.url))


def _assets_of(html: str) -> Iterator[tuple[str, bool]]:
    """The path of each asset, once, and whether it is a module."""
    seen = set()
    for tag in TAG.finditer(html):
        if tag[1] not in seen:
            seen.add(tag[1])
            yield tag[1], 'type="module"' in tag[0]
