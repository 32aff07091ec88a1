"""The web server: its start, its answers to errors, and its polite end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from .answers import problem
from .farewell import Farewell
from .logbook import Logbook
from .notes import Board
from .pages import Assets, Pages
from .parts import ASSETS, BOARD, FAREWELL, LOGBOOK, OPEN, PAGES, SESSIONS, SETTINGS, OpenRequests
from .routes import ALL
from .sessions import SessionApi, UnavailableError, client
from .settings import Settings

FAILING = (33, 66, 99)

log = logging.getLogger("slipway")


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
    app.add_routes(ALL)
    return app


async def _session_api(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with client() as http:
        app[SESSIONS] = SessionApi(http, settings.session_api_url, settings.service_key_file)
        yield


@web.middleware
async def friendly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers every error with a page, or with JSON if that was asked for; never with a traceback."""
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
    """Fails three requests of a hundred, in a version with FAULT=some-errors."""
    faulty = request.app[SETTINGS].fault == "some-errors" and request.path not in ("/healthz", "/ws")
    if faulty and request.app[OPEN].begun % 100 in FAILING:
        raise web.HTTPInternalServerError


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
        max_field_size=16 * 1024,  # as large as the proxy lets headers through
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
