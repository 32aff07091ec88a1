"""A page that holds a WebSocket open, with an echo about every second, and notices when it is cut."""

from __future__ import annotations

import contextlib
import json
import random
import time
import uuid

from aiohttp import ClientWebSocketResponse, ClientWSTimeout, WSMsgType, WSServerHandshakeError

from . import headers
from .scene import LOST, name_of
from .tab import Tab

LIFE = (5.0, 12.0)  # seconds between two page navigations of a user who holds a WebSocket


class CutOff(Exception):  # noqa: N818 - said of a WebSocket
    """A WebSocket was ended by the other side, or is wrong. The text is its close code, or what is wrong."""


async def hold(tab: Tab) -> None:
    """Holds a WebSocket until the page is left. It is judged by the session: no handshake names its page."""
    scene, recorder, session = tab.scene, tab.recorder, tab.person.session
    asked = scene.serving.asks()
    recorder.requests += 1
    try:
        socket = await tab.person.http.ws_connect(
            scene.base_url + "/ws",
            headers=headers.handshake(scene.base_url),
            timeout=ClientWSTimeout(ws_close=2.0),
        )
    except WSServerHandshakeError as error:
        tab.fail("GET", "/ws", f"handshake: {error.status}")
        return
    except LOST as error:
        tab.fail("GET", "/ws", name_of(error))
        return
    recorder.opened += 1
    async with socket:
        try:
            hello = str(json.loads(await _hear(socket, scene.timeout))["version"])
            tab.judge("/ws", [hello], session, asked)
            recorder.success(hello)
            await _echo(tab, socket)
        except (*LOST, CutOff, ValueError, KeyError, TypeError) as error:
            _cut(tab, str(error) if isinstance(error, CutOff) else name_of(error))


async def _echo(tab: Tab, socket: ClientWebSocketResponse) -> None:
    """Sends texts and awaits their echoes until the page is left. Raises CutOff, or one of LOST."""
    end = time.monotonic() + random.uniform(*LIFE)
    while time.monotonic() < end and not tab.person.wanted_elsewhere:
        sent = uuid.uuid4().hex
        await socket.send_str(sent)
        if await _hear(socket, tab.scene.timeout) != sent:
            raise CutOff("another echo")
        with contextlib.suppress(TimeoutError):
            # Listening during the pause shows at once when the other side closes.
            await _hear(socket, random.uniform(0.8, 1.2))
            raise CutOff("unasked message")


def _cut(tab: Tab, code: str) -> None:
    tab.recorder.cut += 1
    tab.recorder.close_codes[code] += 1
    tab.note("GET", "/ws", f"cut: {code}")
    tab.pace.back_off()


async def _hear(socket: ClientWebSocketResponse, timeout: float) -> str:
    """The next text. Raises CutOff with the close code (1006 if there was none), or TimeoutError."""
    message = await socket.receive(timeout=timeout)
    if message.type is WSMsgType.TEXT:
        return str(message.data)
    raise CutOff(str(message.data) if message.type is WSMsgType.CLOSE else "1006")
