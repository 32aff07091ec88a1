"""Reads requests: who asks, to which slot and version the proxy has sent it, and what its fields are."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from .parts import SESSIONS, SETTINGS
from .settings import VERSION

ROUTED = ("X-Deployment-Version", "X-Deployment-Generation")
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
NUMBER = re.compile(r"[0-9]{1,4}")


def wants_json(request: web.Request) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def slot_of(request: web.Request) -> str:
    slot = request.headers.get("X-Deployment-Slot", "")
    return slot if slot in ("blue", "green") else "none"


def routed(request: web.Request) -> dict[str, str]:
    """Where the proxy has sent this request, as headers for a log-in; without one, the app's version."""
    said = {name: request.headers[name] for name in ROUTED if name in request.headers}
    if VERSION.fullmatch(said.get(ROUTED[0], "")):
        return said
    return {ROUTED[0]: request.app[SETTINGS].version}


def token_of(request: web.Request) -> str | None:
    """The bearer token, else the cookie's. A bad bearer token is no user's, whatever cookie comes with it."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip() or None
    names = request.app[SETTINGS].session_cookies
    return next((request.cookies[name] for name in names if request.cookies.get(name)), None)


async def user_of(request: web.Request) -> str | None:
    token = token_of(request)
    return await request.app[SESSIONS].owner(token) if token else None


def key_of(request: web.Request) -> str:
    """Its idempotency key. Raises HTTPBadRequest if it has none."""
    key = request.headers.get("Idempotency-Key", "")
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise web.HTTPBadRequest(reason="Idempotency-Key is missing or malformed")
    return key


def number_of(text: str) -> int:
    """A number from a query. Raise HTTPBadRequest when the text is none."""
    if not NUMBER.fullmatch(text):
        raise web.HTTPBadRequest(reason="Not a number")
    return int(text)


async def fields(request: web.Request) -> dict[str, str]:
    """The text fields of a form or a JSON object. Raises HTTPBadRequest if it is neither."""
    if request.content_type == "application/json":
        return {key: value for key, value in (await json_object(request)).items() if isinstance(value, str)}
    return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}


async def json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(reason="Not JSON") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(reason="Not a JSON object")
    return body
