"""Log-in, log-out, and who the user is. The proxy needs none of the latter: it is for display."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from ..answers import NO_STORE, page, problem
from ..asked import fields, routed, slot_of, token_of, user_of, wants_json
from ..parts import LOGBOOK, PAGES, SESSIONS, SETTINGS
from ..sessions import RefusedError

routes = web.RouteTableDef()


@routes.get("/login")
async def login_page(request: web.Request) -> web.Response:
    return page(request.app[PAGES].login(slot_of(request)))


@routes.post("/login")
async def login(request: web.Request) -> web.Response:
    app, slot = request.app, slot_of(request)
    form = await fields(request)
    user, email = form.get("user", "").strip(), form.get("email", "").strip()
    try:
        made = await app[SESSIONS].log_in(user, email, routed(request))
    except RefusedError as error:
        if wants_json(request):
            return problem(request, HTTPStatus.BAD_REQUEST, "Log-in refused", str(error))
        return page(app[PAGES].login(slot, str(error), user, email), 400)
    app[LOGBOOK].enter(user, "came aboard")
    headers = NO_STORE | ({"Set-Cookie": made.cookie} if made.cookie else {})
    if wants_json(request):
        return web.json_response(made.answer, headers=headers)
    return web.Response(status=303, headers=headers | {"Location": "/"})


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
    for name in request.app[SETTINGS].session_cookies:
        if name in request.cookies:
            secure = name.startswith("__Host-")
            response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Strict")
    return response


@routes.get("/api/whoami")
async def whoami(request: web.Request) -> web.Response:
    answer = {
        "version": request.app[SETTINGS].version,
        "slot": slot_of(request),
        "user": await user_of(request),
        "feature": request.app[SETTINGS].feature,
    }
    return web.json_response(answer, headers=NO_STORE)
