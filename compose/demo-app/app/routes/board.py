"""The notice board with its notes, and the logbook."""

from __future__ import annotations

from aiohttp import web

from ..answers import NO_STORE, page
from ..asked import json_object, key_of, slot_of, user_of
from ..notes import LONGEST
from ..parts import BOARD, LOGBOOK, PAGES, SETTINGS

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    board = request.app[BOARD]
    return page(request.app[PAGES].home(slot_of(request), await user_of(request), board))


@routes.get("/api/notes")
async def notes(request: web.Request) -> web.Response:
    return web.json_response({"notes": [note.as_dict() for note in request.app[BOARD]]}, headers=NO_STORE)


@routes.post("/api/notes")
async def post_note(request: web.Request) -> web.Response:
    """Pins a note; needs an Idempotency-Key. 201 for a new note, 200 for one that was posted before."""
    key = key_of(request)
    text = (await json_object(request)).get("text")
    if not (isinstance(text, str) and 1 <= len(text.strip()) <= LONGEST):
        raise web.HTTPBadRequest(reason=f"A note has 1 to {LONGEST} characters")
    author = await user_of(request) or "A visitor"
    seen = request.app[BOARD].post(key, author, text.strip())
    if seen == 1:
        request.app[LOGBOOK].enter(author, "pinned a note")
    answer = {"id": key, "seen": seen, "version": request.app[SETTINGS].version}
    return web.json_response(answer, status=201 if seen == 1 else 200, headers=NO_STORE)


@routes.get("/api/notes/{key}")
async def ledger(request: web.Request) -> web.Response:
    """How often this process has seen a key: 0 or 1, unless something in front repeats requests."""
    key = request.match_info["key"]
    return web.json_response({"id": key, "seen": request.app[BOARD].seen(key)}, headers=NO_STORE)


@routes.get("/api/ledger")
async def whole_ledger(request: web.Request) -> web.Response:
    """How often this process has seen each key."""
    return web.json_response(dict(request.app[BOARD].ledger), headers=NO_STORE)


@routes.get("/log")
async def log_page(request: web.Request) -> web.Response:
    logbook = request.app[LOGBOOK]
    return page(request.app[PAGES].log(slot_of(request), logbook))


@routes.get("/api/log")
async def log_entries(request: web.Request) -> web.Response:
    entries = [entry.as_dict() for entry in request.app[LOGBOOK]]
    answer = {"version": request.app[SETTINGS].version, "slot": slot_of(request), "entries": entries}
    return web.json_response(answer, headers=NO_STORE)
