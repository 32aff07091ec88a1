"""The web server: routes, identity for display, health, and a polite end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import re
import signal
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.typedefs import Handler

from .farewell import End, Farewell
from .files import LARGEST, blocks, digest, digest_of
from .logbook import Logbook
from .notes import LONGEST, Board
from .pages import Assets, Pages
from .sessions import RefusedError, SessionApi, UnavailableError, client
from .settings import VERSION, Settings


class OpenRequests:
    """How many requests are being answered, and a way to wait until there are none."""

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

SESSION_COOKIES = ("__Host-bg_session", "bg_session")
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
FAILING = (33, 66, 99)
LAST_EVENT = re.compile(r"[0-9]{1,15}")
NUMBER = re.compile(r"[0-9]{1,4}")
LONGEST_POLL = 300  # seconds
NO_STORE = {"Cache-Control": "no-store"}
FOR_A_YEAR = {"Cache-Control": "public, max-age=31536000, immutable"}

log = logging.getLogger("slipway")
routes = web.RouteTableDef()


def create_app(settings: Settings) -> web.Application:
    app = web.Application(middlewares=[friendly], client_max_size=64 * 1024)
    app[SETTINGS] = settings
    app[ASSETS] = Assets(settings.version)
    app[PAGES] = Pages(settings.version, app[ASSETS])
    app[BOARD] = Board()
    app[LOGBOOK] = Logbook()
    app[OPEN] = OpenRequests()
    app[FAREWELL] = Farewell()
    app.cleanup_ctx.append(_session_api)
    app.add_routes(routes)
    return app


async def _session_api(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with client() as http:
        app[SESSIONS] = SessionApi(http, settings.session_api_url, settings.service_key_file)
        yield


@web.middleware
async def friendly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error becomes a page, or JSON for those who ask for it; never a traceback."""
    try:
        with request.app[OPEN]:
            stumble(request)
            return await handler(request)
    except web.HTTPNotFound:
        return problem(request, HTTPStatus.NOT_FOUND, "Nothing here", "This version has no such page.")
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem(request, HTTPStatus(error.status), error.reason, "The request cannot be answered.")
    except UnavailableError:
        text = "The session service is not available right now. You stay where you are; try again shortly."
        return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, "Log-in is taking a break", text)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "That went wrong", "Please try again.")


def stumble(request: web.Request) -> None:
    """Three requests of a hundred fail in a version that has FAULT=some-errors."""
    faulty = request.app[SETTINGS].fault == "some-errors" and request.path not in ("/healthz", "/ws")
    if faulty and request.app[OPEN].begun % 100 in FAILING:
        raise web.HTTPInternalServerError


def problem(request: web.Request, status: HTTPStatus, title: str, text: str) -> web.Response:
    headers = NO_STORE | ({"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {})
    if wants_json(request) or request.path.startswith("/api/"):
        body = {"title": title, "status": status, "detail": text}
        return web.json_response(
            body, status=status, headers=headers, content_type="application/problem+json"
        )
    return page(request.app[PAGES].error(slot_of(request), title, text), status, headers)


def page(html: str, status: int = 200, headers: dict[str, str] = NO_STORE) -> web.Response:
    return web.Response(text=html, status=status, headers=headers, content_type="text/html")


def wants_json(request: web.Request) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def slot_of(request: web.Request) -> str:
    slot = request.headers.get("X-Deployment-Slot", "")
    return slot if slot in ("blue", "green") else "none"


def version_of(request: web.Request) -> str:
    """The version this request was routed to: what the proxy says, or our own when none is in front."""
    said = request.headers.get("X-Deployment-Version", "")
    return said if VERSION.fullmatch(said) else request.app[SETTINGS].version


def token_of(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return next((request.cookies[name] for name in SESSION_COOKIES if request.cookies.get(name)), None)


async def user_of(request: web.Request) -> str | None:
    token = token_of(request)
    return await request.app[SESSIONS].owner(token) if token else None


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    board = request.app[BOARD]
    return page(request.app[PAGES].home(slot_of(request), await user_of(request), board))


@routes.get("/log")
async def log_page(request: web.Request) -> web.Response:
    logbook = request.app[LOGBOOK]
    return page(request.app[PAGES].log(slot_of(request), logbook))


@routes.get("/api/log")
async def log_entries(request: web.Request) -> web.Response:
    entries = [entry.as_dict() for entry in request.app[LOGBOOK]]
    answer = {"version": request.app[SETTINGS].version, "slot": slot_of(request), "entries": entries}
    return web.json_response(answer, headers=NO_STORE)


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


def setting(event: asyncio.Event) -> End:
    async def end() -> None:
        event.set()

    return end


async def waited(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, or the time is over."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def number_of(text: str) -> int:
    """Raise HTTPBadRequest when it is none."""
    if not NUMBER.fullmatch(text):
        raise web.HTTPBadRequest(reason="Not a number")
    return int(text)


@routes.get("/api/files/{megabytes}")
async def download(request: web.Request) -> web.StreamResponse:
    """A large file with its digest."""
    version, megabytes = request.app[SETTINGS].version, number_of(request.match_info["megabytes"])
    if megabytes > LARGEST:
        raise web.HTTPBadRequest(reason=f"A file has at most {LARGEST} megabytes")
    whole = await asyncio.to_thread(digest, version, megabytes)
    headers = NO_STORE | {"Content-Type": "application/octet-stream", "Repr-Digest": whole}
    response = web.StreamResponse(headers=headers)
    response.content_length = megabytes * 1024 * 1024
    await response.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        for block in blocks(version, megabytes):
            await response.write(block)
    return response


@routes.post("/api/files")
async def upload(request: web.Request) -> web.Response:
    """The digest of what is sent. Needs an Idempotency-Key, for the ledger."""
    key = key_of(request)
    whole, size = await digest_of(request.content.iter_any())
    seen = request.app[BOARD].arrived(key)
    answer = {"version": request.app[SETTINGS].version, "bytes": size, "seen": seen}
    return web.json_response(answer, status=201, headers=NO_STORE | {"Repr-Digest": whole})


@routes.get("/api/ledger")
async def whole_ledger(request: web.Request) -> web.Response:
    """How often this process has seen each key."""
    return web.json_response(dict(request.app[BOARD].ledger), headers=NO_STORE)


@routes.get("/assets/{name}")
async def asset(request: web.Request) -> web.Response:
    file = request.app[ASSETS].files.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    content, kind = file
    return web.Response(body=content, content_type=kind, headers=FOR_A_YEAR)


@routes.get("/api/whoami")
async def whoami(request: web.Request) -> web.Response:
    answer = {
        "version": request.app[SETTINGS].version,
        "slot": slot_of(request),
        "user": await user_of(request),
    }
    return web.json_response(answer, headers=NO_STORE)


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    if settings.fault == "unhealthy":
        return web.json_response({"status": "unhealthy", "version": settings.version}, status=500)
    version = "0.0.0" if settings.fault == "wrong-version" else settings.version
    response = web.json_response({"status": "ok", "version": version}, headers=NO_STORE)
    if settings.fault == "crash-after-healthy":
        await response.prepare(request)
        await response.write_eof()
        log.error("FAULT=crash-after-healthy: good-bye")
        os._exit(70)
    return response


@routes.get("/login")
async def login_page(request: web.Request) -> web.Response:
    return page(request.app[PAGES].login(slot_of(request)))


@routes.post("/login")
async def login(request: web.Request) -> web.Response:
    app, slot = request.app, slot_of(request)
    form = await _fields(request)
    user, email = form.get("user", "").strip(), form.get("email", "").strip()
    try:
        made = await app[SESSIONS].log_in(user, email, version_of(request))
    except RefusedError as error:
        if wants_json(request):
            return problem(request, HTTPStatus.BAD_REQUEST, "Log-in refused", str(error))
        return page(app[PAGES].login(slot, str(error), user, email), 400)
    app[LOGBOOK].enter(user, "came aboard")
    headers = NO_STORE | ({"Set-Cookie": made.cookie} if made.cookie else {})
    if wants_json(request):
        return web.json_response(made.answer, headers=headers)
    return web.Response(status=303, headers=headers | {"Location": "/"})


async def _fields(request: web.Request) -> dict[str, str]:
    """A form's or a JSON object's text fields. Raise HTTPBadRequest when it is neither."""
    if request.content_type == "application/json":
        return {key: value for key, value in (await _json_object(request)).items() if isinstance(value, str)}
    return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(reason="Not JSON") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(reason="Not a JSON object")
    return body


@routes.post("/logout")
async def logout(request: web.Request) -> web.Response:
    token = token_of(request)
    user = request.app[SESSIONS].remembered(token) if token else None
    cookie = await request.app[SESSIONS].log_out(token) if token else None
    if user:
        request.app[LOGBOOK].enter(user, "went ashore")
    response = web.Response(status=303, headers=NO_STORE | {"Location": "/"})
    if cookie:
        response.headers["Set-Cookie"] = cookie
        return response
    for name in SESSION_COOKIES:
        if name in request.cookies:
            secure = name.startswith("__Host-")
            response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Strict")
    return response


@routes.get("/api/notes")
async def notes(request: web.Request) -> web.Response:
    return web.json_response({"notes": [note.as_dict() for note in request.app[BOARD]]}, headers=NO_STORE)


@routes.post("/api/notes")
async def post_note(request: web.Request) -> web.Response:
    """Needs an Idempotency-Key. 201 for a new note, 200 for one that was posted before."""
    key = key_of(request)
    text = (await _json_object(request)).get("text")
    if not (isinstance(text, str) and 1 <= len(text.strip()) <= LONGEST):
        raise web.HTTPBadRequest(reason=f"A note has 1 to {LONGEST} characters")
    author = await user_of(request) or "A visitor"
    seen = request.app[BOARD].post(key, author, text.strip())
    if seen == 1:
        request.app[LOGBOOK].enter(author, "pinned a note")
    answer = {"id": key, "seen": seen, "version": request.app[SETTINGS].version}
    return web.json_response(answer, status=201 if seen == 1 else 200, headers=NO_STORE)


def key_of(request: web.Request) -> str:
    """Raise HTTPBadRequest when it has none."""
    key = request.headers.get("Idempotency-Key", "")
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise web.HTTPBadRequest(reason="Idempotency-Key is missing or malformed")
    return key


@routes.get("/api/notes/{key}")
async def ledger(request: web.Request) -> web.Response:
    """How often this process has seen a key: 0 or 1, unless something in front repeats requests."""
    key = request.match_info["key"]
    return web.json_response({"id": key, "seen": request.app[BOARD].seen(key)}, headers=NO_STORE)


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
        pass  # the client has gone
    return socket


async def close(socket: web.WebSocketResponse) -> None:
    """1012: the service restarts."""
    await socket.close(code=WSCloseCode.SERVICE_RESTART, message=b"restarting")


async def serve(app: web.Application) -> None:
    """Serve until SIGTERM or SIGINT, then say good-bye within the grace period.

    aiohttp's own shutdown stops reading as its first step, so a request whose body is still on its way would
    be lost: we let open requests end before we call it.
    """
    settings = app[SETTINGS]
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=settings.keepalive,
        shutdown_timeout=0.1,
        max_field_size=16 * 1024,  # what the proxy lets through
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, port=settings.port)
        await site.start()
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        log.info("Slipway %s listens on port %d", settings.version, site.port)
        await told.wait()
        if settings.fault == "deaf":
            await asyncio.Event().wait()
        await site.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.end):
                await asyncio.gather(app[FAREWELL].say(settings.spread), app[OPEN].ended())
    finally:
        await runner.cleanup()
