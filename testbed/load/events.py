"""A page that follows the app's event stream, as EventSource does, and notices when the stream is cut."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import ClientResponse, ClientTimeout

from . import headers
from .scene import LOST, name_of
from .serving import Asked
from .tab import Tab

PATH = "/api/events"
LIFE = (5.0, 12.0)  # seconds between two page navigations of a user who follows a stream


@dataclass(slots=True)
class Event:
    name: str = ""
    data: str = ""


@dataclass(slots=True)
class Source:
    """What EventSource keeps from one connection to the next: the last event's id, and how long it waits."""

    last: str = ""
    retry: float = 3.0  # seconds

    async def events(self, response: ClientResponse) -> AsyncIterator[Event]:
        """The events of a connection. Raises one of LOST when it breaks off."""
        event = Event()
        async for raw in response.content:
            field, _, value = raw.decode().rstrip("\n").partition(": ")
            if field == "event":
                event.name = value
            elif field == "data":
                event.data = value
            elif field == "id":
                self.last = value
            elif field == "retry":
                self.retry = int(value) / 1000
            elif not field and event.data:
                yield event
                event = Event()


class Cut(Exception):  # noqa: N818 - said of a stream
    """A stream ended without the app's event "bye", or is wrong. The text says how."""


async def follow(tab: Tab) -> None:
    """Follows the stream, over several connections, until the page is left."""
    source, end = Source(), time.monotonic() + random.uniform(*LIFE)
    while time.monotonic() < end and not tab.person.wanted_elsewhere:
        if await _listen(tab, source, end):
            return
        await asyncio.sleep(source.retry)


async def _listen(tab: Tab, source: Source, end: float) -> bool:
    """Follows one connection. False: another one is due. EventSource makes one however a stream has ended."""
    assert tab.page
    asked = tab.scene.serving.asks()
    tab.recorder.requests += 1
    sent = headers.events(tab.page.url, source.last)
    patience = ClientTimeout(total=None, sock_read=tab.scene.timeout)
    try:
        response = await tab.begin("GET", PATH, headers=sent, timeout=patience)
    except LOST as error:
        tab.fail("GET", PATH, name_of(error))
        return True
    async with response:
        if response.status != 200 or "X-Deployment-Version" not in response.headers:
            tab.fail("GET", PATH, str(response.status))
            return True
        tab.recorder.streams += 1
        try:
            return await _hear(tab, source, response, asked, end)
        except (*LOST, Cut, ValueError) as error:
            _cut(tab, str(error) if isinstance(error, Cut) else name_of(error))
            return False


async def _hear(tab: Tab, source: Source, response: ClientResponse, asked: Asked, end: float) -> bool:
    """True: the page was left. False: the app said "bye". Raises Cut, ValueError, or one of LOST."""
    assert tab.page
    version, number = "", int(source.last or 0)
    async for event in source.events(response):
        if event.name == "bye":
            tab.recorder.streams_renewed += 1
            return False
        if not version:
            version = event.data
            tab.judge(PATH, [response.headers["X-Deployment-Version"], version], tab.page, asked)
            tab.recorder.success(version)
        if (event.data, int(source.last)) != (version, number + 1):
            raise Cut(f"event {source.last} of {event.data} after {number} of {version}")
        number += 1
        if time.monotonic() >= end or tab.person.wanted_elsewhere:
            return True
    raise Cut("ended")


def _cut(tab: Tab, why: str) -> None:
    tab.recorder.streams_cut += 1
    tab.note("GET", PATH, f"cut: {why}")
    tab.pace.back_off()
