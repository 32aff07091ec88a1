"""Makes answers: pages, and errors for people and for programs."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from .asked import slot_of, wants_json
from .parts import PAGES

NO_STORE = {"Cache-Control": "no-store"}


def page(html: str, status: int = 200, headers: dict[str, str] = NO_STORE) -> web.Response:
    return web.Response(text=html, status=status, headers=headers, content_type="text/html")


def problem(request: web.Request, status: HTTPStatus, title: str, text: str) -> web.Response:
    headers = NO_STORE | ({"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {})
    if wants_json(request) or request.path.startswith("/api/"):
        body = {"title": title, "status": status, "detail": text}
        return web.json_response(
            body, status=status, headers=headers, content_type="application/problem+json"
        )
    return page(request.app[PAGES].error(slot_of(request), title, text), status, headers)
