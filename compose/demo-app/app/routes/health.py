"""The health check, and what a version with a fault answers to it."""

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
    # A proxy that keeps connections to this app must close them before the app does.
    keeps = {"Keep-Alive": f"timeout={settings.keepalive:.0f}"}
    response = web.json_response({"status": "ok", "version": version}, headers={**NO_STORE, **keeps})
    if settings.fault == "crash-after-healthy":
        await response.prepare(request)
        await response.write_eof()
        log.error("FAULT=crash-after-healthy: good-bye")
        os._exit(70)
    return response
