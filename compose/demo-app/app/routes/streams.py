"""What stays open: event streams, long polls and WebSockets. Each is ended before this process ends."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re

from aiohttp import WSCloseCode, WSMsgType, web

from ..answers import NO_STORE
from ..asked import number_of, slot_of
from ..farewell import End
from ..parts import BOARD, FAREWELL, SETTINGS

LAST_EVENT = re.compile(r"[0-9]{1,15}")
LONGEST_POLL = 300  # seconds

routes = web.RouteTableDef()


@routes.get("/api/events")
async def events(request: web.Request) -> web.StreamResponse:
    """A stream (server-sent events): every second, which version it comes from, until one side ends.

    Numbers go on after Last-Event-ID. The last event is `bye`: come back, but not all at once (`retry`).
    """
    headers = NO_STORE | {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    stream = web.StreamResponse(headers=headers)
    await stream.prepare(request)
    await stream.write(f"retry: {random.randint(500, 2500)}\n\n".encode())  # noqa: S311
    last = request.headers.get("Last-Event-ID", "")
    number = int(last) if LAST_EVENT.fullmatch(last) else 0
    version, over = request.app[SETTINGS].version, asyncio.Event()
    with request.app[FAREWELL].on(setting(over)), contextlib.suppress(ConnectionResetError):
        while not over.is_set():
            number += 1
            await stream.write(f"id: {number}\ndata: {version}\n\n".encode())
            await waited(over, 1)
        await stream.write(f"event: bye\ndata: {version}\n\n".encode())
    return stream


@routes.get("/api/wait")
async def wait_for_note(request: web.Request) -> web.Response:
    """A long poll: the next note, or none after `seconds`, or none at once when this process is to end."""
    board, event = request.app[BOARD], asyncio.Event()
    seconds = min(number_of(request.query.get("seconds", "25")), LONGEST_POLL)
    before = board.newest
    with board.heard(event), request.app[FAREWELL].on(setting(event)):
        await waited(event, seconds)
    note = board.newest if board.newest is not before else None
    answer = {"version": request.app[SETTINGS].version, "note": note.as_dict() if note else None}
    return web.json_response(answer, headers=NO_STORE)


@routes.get("/ws")
async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(heartbeat=30, timeout=2, max_msg_size=64 * 1024)
    await socket.prepare(request)
    try:
        with request.app[FAREWELL].on(lambda: close(socket)):
            await socket.send_json({"version": request.app[SETTINGS].version, "slot": slot_of(request)})
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data)
                elif message.type is WSMsgType.BINARY:
                    await socket.send_bytes(message.data)
    except ConnectionResetError:
        pass  # The client has gone.
    return socket


def setting(event: asyncio.Event) -> End:
    async def end() -> None:
        event.set()

    return end


async def waited(event: asyncio.Event, seconds: float) -> None:
    """Waits until the event is set, or the time is over."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def close(socket: web.WebSocketResponse) -> None:
    """Closes with code 1012, "service restart": clients come back."""
    await socket.close(code=WSCloseCode.SERVICE_RESTART, message=b"restarting")
