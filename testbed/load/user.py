"""A user of the load: arrives, logs in or not, browses, and leaves."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Awaitable, Callable
from typing import Literal, get_args

from aiohttp import ClientSession, ClientTimeout, CookieJar, DummyCookieJar

from . import events, headers, poll, transfer, websocket
from .apiclient import ApiClient
from .caller import Person, tracing
from .judgement import Session
from .scene import Leaving, Pace, Scene, claims
from .tab import BOARD, LOG, Tab

Kind = Literal["cookie", "bearer", "anonymous", "websocket", "tabs", "events", "poll", "upload", "download"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Holders open a page, and do this on it until they load another one, at a pace of their own.
HOLDERS: dict[Kind, Callable[[Tab], Awaitable[None]]] = {
    "websocket": websocket.hold,
    "events": events.follow,
    "poll": poll.wait,
    "upload": transfer.upload,
    "download": transfer.download,
}

SESSION_COOKIE = re.compile(r"(?:__Host-)?bg_session")
STAY = (5, 30)  # API calls of a page in a background tab, from … to …, before the page is loaded anew


class User(Person):
    """A user of one kind. "tabs" is a browser with two tabs: one cookie jar, and a page and pace each.

    `gone`: it does not come back after its next log-out.
    """

    def __init__(self, scene: Scene, kind: Kind, name: str, *, logs_in: bool) -> None:
        super().__init__(scene, name)
        self.kind, self.logs_in = kind, logs_in
        self.gone = False
        paces = [Pace(scene.interval, steady=kind not in HOLDERS) for _ in range(2 if kind == "tabs" else 1)]
        self.tabs = [] if kind == "bearer" else [Tab(self, pace) for pace in paces]
        self._api = ApiClient(self, paces[0])

    @property
    def version(self) -> str | None:
        return self.session.version

    @property
    def logged_in(self) -> bool:
        return self.session.signed is not None

    @property
    def pages(self) -> list[str]:
        """The versions of the pages that are open."""
        return [tab.page.version for tab in self.tabs if tab.page and tab.page.version]

    def on(self, version: str) -> bool:
        """Whether that version serves this session, or a page that it has open."""
        return version == self.version or version in self.pages

    @property
    def leaving(self) -> bool:
        return self._leave is not None

    def log_out(self, *, for_good: bool = False) -> asyncio.Future[None]:
        """Logs out between two requests, and comes back as a newcomer. Done when the log-out was answered."""
        self.gone = self.gone or for_good
        if self._leave is None:
            self._leave = asyncio.get_running_loop().create_future()
        return self._leave

    async def run(self) -> None:
        try:
            while not (self.scene.ended or self.gone):
                async with self._client() as self.http:
                    with contextlib.suppress(Leaving):
                        if await self._arrive():
                            await self._stay()
                    if self.logged_in and self._leave is not None:
                        await self._log_out()
                self._left()
        finally:
            self._left()

    # A session's life

    async def _arrive(self) -> bool:
        if not self.logs_in:
            return True
        token = await (self._api.log_in() if self.kind == "bearer" else self._log_in(self.tabs[0]))
        if not token:
            return False
        self.session.signed = claims(token).get("deploymentVersion") or self.version
        if self.kind == "bearer":
            self.http.headers["Authorization"] = f"Bearer {token}"
        elif self.kind not in HOLDERS:
            await self.tabs[0].view(BOARD)  # the page to which the log-in leads
        return True

    async def _log_in(self, tab: Tab) -> str | None:
        form = {"user": self.name, "email": f"{self.name}@example.test"}
        page = await tab.open("/login")
        if page is None or not await tab.load(page) or await tab.submit("/login", form) is None:
            return None
        token = next((c.value for c in self.http.cookie_jar if SESSION_COOKIE.fullmatch(c.key)), None)
        if not token:
            tab.fail("POST", "/login", "no token")
        return token

    async def _stay(self) -> None:
        """Stays until the user is to leave. Each tab ends after its request, so that none is broken off."""
        lives = [self._live(number) for number in range(max(1, len(self.tabs)))]
        for outcome in await asyncio.gather(*lives, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, Leaving):
                raise outcome

    async def _live(self, number: int) -> None:
        while True:
            if self.kind == "bearer":
                await self._api.browse()
            elif self.kind in HOLDERS:
                if await self.tabs[0].open(BOARD):
                    await HOLDERS[self.kind](self.tabs[0])
            elif self.kind == "tabs" and number:
                await self.tabs[1].view(LOG, calls=random.randint(*STAY))
            else:
                path = BOARD if self.kind == "tabs" else random.choice((BOARD, BOARD, BOARD, LOG))
                await self.tabs[0].view(path)

    async def _log_out(self) -> None:
        if self.kind == "bearer":
            await self._api.request("POST", "/logout", self.session)
        else:
            tab = next((tab for tab in self.tabs if tab.page), self.tabs[0])
            await tab.log_out()

    def _left(self) -> None:
        self.session = Session()
        for tab in self.tabs:
            tab.page = None
        if self._leave is not None and not self._leave.done():
            self._leave.set_result(None)
        self._leave = None

    def _client(self) -> ClientSession:
        """A browser with cookies and connections of its own, or an API client, which keeps no cookies."""
        browses = self.kind != "bearer"
        return ClientSession(
            connector=self.scene.connector(),
            cookie_jar=CookieJar(unsafe=True) if browses else DummyCookieJar(),
            headers=headers.ALWAYS if browses else None,
            skip_auto_headers=("Accept",) if browses else (),  # a browser sends none with a handshake
            timeout=ClientTimeout(total=self.scene.timeout),
            trace_configs=[tracing()],
        )
