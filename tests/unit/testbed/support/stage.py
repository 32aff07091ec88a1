"""The demo app in two versions behind a small pinning proxy that can misbehave, all over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientResponse, ClientSession, CookieJar, DummyCookieJar, WSMsgType, web

ROOT = Path(__file__).resolve().parents[4]
sys.path[:0] = [str(ROOT), str(ROOT / "compose" / "demo-app")]  # the app is no installed package

from app.server import create_app  # noqa: E402
from app.settings import Settings  # noqa: E402

SERVICE_KEY = "service-key-of-at-least-32-characters"


def key_file(folder: Path) -> Path:
    """A file with the key that the session API below believes."""
    path = folder / "service.key"
    path.write_text(SERVICE_KEY + "\n")
    return path


@contextlib.asynccontextmanager
async def listening(app: web.Application, shutdown_timeout: float = 60) -> AsyncIterator[str]:
    """Serve on a free port; yield the base URL."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=shutdown_timeout)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{site.port}"
    finally:
        await runner.cleanup()


def unsigned(claims: dict[str, str]) -> str:
    """A JWT as far as its reader cares."""
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def claims_of(token: str) -> dict[str, str]:
    payload = token.split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@dataclass
class SessionApi:
    """Speaks the session API's contract as far as the app needs it. `status` makes it fail."""

    status: int = 0
    asked: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)  # that the app sent along

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/token", self.token)
        app.router.add_post("/api/deployment/logout", self.logout)
        app.router.add_get("/api/deployment/session", self.session)
        return app

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        if self.status:
            return web.json_response({"title": "no"}, status=self.status)
        if request.headers["Authorization"] != f"Bearer {SERVICE_KEY}":
            return web.json_response({"title": "Unauthorized"}, status=401)
        given, version = await request.json(), request.headers["X-Deployment-Version"]
        claims = {"userId": given["userId"], "deploymentVersion": version, "sid": uuid.uuid4().hex}
        token = unsigned(claims)
        answer = {"token": token, "userId": given["userId"], "deploymentVersion": version}
        cookie = f"bg_session={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800"
        return web.json_response(answer, status=201, headers={"Set-Cookie": cookie})

    async def logout(self, request: web.Request) -> web.Response:
        self.asked.append("logout")
        if self.status:
            return web.json_response({"title": "no"}, status=self.status)
        return web.Response(status=204, headers={"Set-Cookie": "bg_session=; Path=/; Max-Age=0"})

    async def session(self, request: web.Request) -> web.Response:
        self.asked.append("session")
        if self.status:
            return web.json_response({"title": "no"}, status=self.status)
        self.cookies += request.cookies.values()
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token.count(".") != 2:
            return web.json_response({"title": "Unauthorized"}, status=401)
        return web.json_response({"userId": claims_of(token)["userId"]})


@dataclass
class Route:
    """Where a request goes: the session's id, the version, the new value of its pin, whether it is a page."""

    sid: str
    version: str
    pin: str
    navigates: bool


class Proxy:
    """Pins by cookie. `trick`, when set, may answer a request itself, or change where it goes.

    With `migrate`, a navigation moves its session to the current version, and what an open page asks for goes
    to the version that served that page to this session last.
    """

    def __init__(self, backends: dict[str, str]) -> None:
        self.backends, self.current = backends, next(iter(backends))
        self.migrate = False
        self.trick: Callable[[web.Request, str], Awaitable[web.Response | str | None]] | None = None
        self.sockets: set[web.WebSocketResponse] = set()
        self.streams: list[web.Request] = []
        self._pages: dict[tuple[str, str], str] = {}

    def app(self) -> web.Application:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{rest:.*}", self.handle)
        app.cleanup_ctx.append(self._client)
        return app

    async def _client(self, app: web.Application) -> AsyncIterator[None]:
        async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as self.http:
            yield

    def retire(self, version: str) -> None:
        """Its pages are the session's from now on."""
        del self.backends[version]
        self._pages = {page: served for page, served in self._pages.items() if served != version}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        route = self.route(request)
        version = route.version
        if self.trick and (tricked := await self.trick(request, version)):
            if isinstance(tricked, web.Response):
                return tricked
            version = tricked
        slot = "blue" if version == next(iter(self.backends)) else "green"
        headers = {**request.headers, "X-Deployment-Version": version, "X-Deployment-Slot": slot}
        url = self.backends[version] + request.path_qs
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.tunnel(request, url, slot)
        async with self.http.request(
            request.method, url, headers=headers, data=io.BytesIO(await request.read()), allow_redirects=False
        ) as got:
            if got.headers.get("Content-Type") == "text/event-stream":
                return await self.pour(request, got, version)
            response = web.Response(status=got.status, body=await got.read())
            for name in ("Content-Type", "Location", "Set-Cookie", "Cache-Control", "Repr-Digest"):
                if name in got.headers:
                    response.headers[name] = got.headers[name]
        response.headers["X-Deployment-Version"] = version
        response.headers.add("Set-Cookie", f"bg_pin={route.pin}; Path=/")
        self._pages[route.sid, request.path] = version
        return response

    async def pour(self, request: web.Request, got: ClientResponse, version: str) -> web.StreamResponse:
        """A stream as it comes."""
        headers = {"Content-Type": "text/event-stream", "X-Deployment-Version": version}
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        self.streams.append(request)
        with contextlib.suppress(ConnectionResetError):
            async for chunk in got.content.iter_any():
                await response.write(chunk)
        self.streams.remove(request)
        return response

    def route(self, request: web.Request) -> Route:
        """A pin bound to the token's session, else the token's version, else the pin's, else the current one.

        A version without backend is retired.
        """
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or request.cookies.get("bg_session", "")
        log_in = claims_of(token) if token else {}
        pin = claims_of(request.cookies["bg_pin"]) if "bg_pin" in request.cookies else {}
        sid = log_in.get("sid") or pin.get("sid") or uuid.uuid4().hex
        bound = pin.get("version") if pin.get("of") == log_in.get("sid") else None
        wanted = (bound, log_in.get("deploymentVersion"), pin.get("version"), self.current)
        version = next(one for one in wanted if one in self.backends)
        mode = request.headers.get("Sec-Fetch-Mode")
        navigates = request.method == "GET" and mode == "navigate"
        if self.migrate and navigates:
            version = self.current
        pinned = {"sid": pin.get("sid", sid), "version": version}
        if log_in and version != log_in["deploymentVersion"]:
            pinned["of"] = log_in["sid"]
        page = request.headers.get("Referer", "").removeprefix(f"http://{request.host}")
        if not navigates and self._pages.get((sid, page)) in self.backends:
            version = self._pages[sid, page]
        return Route(sid, version, unsigned(pinned), navigates)

    async def tunnel(self, request: web.Request, url: str, slot: str) -> web.WebSocketResponse:
        near = web.WebSocketResponse()
        async with self.http.ws_connect(url, headers={"X-Deployment-Slot": slot}) as far:
            await near.prepare(request)
            self.sockets.add(near)

            async def back() -> None:
                async for message in far:
                    if message.type is WSMsgType.TEXT:
                        await near.send_str(message.data)
                await near.close(code=far.close_code or 1006)

            task = asyncio.create_task(back())
            async for message in near:
                await far.send_str(message.data)
            await far.close()
            await task
        return near


@dataclass
class Stage:
    url: str
    proxy: Proxy
    sessions: SessionApi
    backends: dict[str, str]


@contextlib.asynccontextmanager
async def stage_of(key: Path, *versions: str) -> AsyncIterator[Stage]:
    sessions = SessionApi()
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(listening(sessions.app()))
        api = api.replace(
            "127.0.0.1", "localhost"
        )  # by a name, as in a stack: clients keep no cookies of an address
        backends = {}
        for version in versions:
            settings = Settings(version, grace=0.2, session_api_url=api, service_key_file=key)
            backends[version] = await stack.enter_async_context(
                listening(create_app(settings), shutdown_timeout=1)
            )
        proxy = Proxy(dict(backends))
        url = await stack.enter_async_context(listening(proxy.app(), shutdown_timeout=1))
        yield Stage(url, proxy, sessions, backends)


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[ClientSession]:
    """A client with cookies that follows no redirect by itself."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        yield http
