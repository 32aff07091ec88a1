"""The parts of the app, by the keys under which aiohttp keeps them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .farewell import Farewell
from .logbook import Logbook
from .notes import Board
from .pages import Assets, Pages
from .sessions import SessionApi
from .settings import Settings


class OpenRequests:
    """The number of requests that are being answered, and a way to wait until there are none."""

    def __init__(self) -> None:
        self.begun = 0
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self.begun += 1
        self._count += 1
        self._none.clear()

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count:
            self._none.set()

    async def ended(self) -> None:
        await self._none.wait()


SETTINGS = web.AppKey("settings", Settings)
SESSIONS = web.AppKey("sessions", SessionApi)
ASSETS = web.AppKey("assets", Assets)
PAGES = web.AppKey("pages", Pages)
BOARD = web.AppKey("board", Board)
LOGBOOK = web.AppKey("logbook", Logbook)
OPEN = web.AppKey("open", OpenRequests)
FAREWELL = web.AppKey("farewell", Farewell)
