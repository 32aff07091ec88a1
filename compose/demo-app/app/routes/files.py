"""Large files down and up, and the assets of the pages."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from ..answers import NO_STORE
from ..asked import key_of, number_of
from ..files import LARGEST, blocks, digest, digest_of
from ..parts import ASSETS, BOARD, SETTINGS

FOR_A_YEAR = {"Cache-Control": "public, max-age=31536000, immutable"}

routes = web.RouteTableDef()


@routes.get("/assets/{name}")
async def asset(request: web.Request) -> web.Response:
    file = request.app[ASSETS].files.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    content, kind = file
    return web.Response(body=content, content_type=kind, headers=FOR_A_YEAR)


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
    """Answers with the digest of a body; needs an Idempotency-Key, for the ledger."""
    key = key_of(request)
    whole, size = await digest_of(request.content.iter_any())
    seen = request.app[BOARD].arrived(key)
    answer = {"version": request.app[SETTINGS].version, "bytes": size, "seen": seen}
    return web.json_response(answer, status=201, headers=NO_STORE | {"Repr-Digest": whole})
