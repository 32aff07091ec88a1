"""The health path, which can be told to fail or to lie by the setting FAULT."""

from __future__ import annotations

import logging
import os

from aiohttp import web

from ..answers import NO_STORE
from ..parts import SETTINGS

log = logging.getLogger("slipway")
routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    if settings.fault == "unhealthy":
        return web.json_response({"status": "unhealthy", "version": settings.version}, status=500)
    version = "0.0.0" if settings.fault == "wrong-version" else settings.version
    # The proxy keeps connections to us: it must close an idle one before we do.
    keeps = {"Keep-Alive": f"timeout={settings.keepalive:.0f}"}
    response = web.json_response({"status": "ok", "version": version}, headers={**NO_STORE, **keeps})
    if settings.fault == "crash-after-healthy":
        await response.prepare(request)
        await response.write_eof()
        log.error("FAULT=crash-after-healthy: good-bye")
        os._exit(70)
    return response
