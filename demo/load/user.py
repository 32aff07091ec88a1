"""One user: arrives, logs in or not, browses, leaves, and checks every answer."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import re
import ssl
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import (
    BaseConnector,
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    CookieJar,
    DummyCookieJar,
    TCPConnector,
    WSMsgType,
    WSServerHandshakeError,
)

from .tally import Recorder

Kind = Literal["cookie", "bearer", "anonymous", "websocket"]
KINDS: tuple[Kind, ...] = ("cookie", "bearer", "anonymous", "websocket")

ASSET = re.compile(r'(?:href|src)="(/assets/[^"]+)"')
PAGE_VERSION = re.compile(r'data-version="([^"]+)"')
SESSION_COOKIE = re.compile(r"(?:__Host-)?bg_session")
PATIENCE = 1.0  # seconds that a user may fall behind its pace before it forgets the arrears
SOCKET_LIFE = (5.0, 12.0)  # seconds between two page navigations of someone who holds a WebSocket
LOST = (ClientError, TimeoutError, OSError)


class Leaving(Exception):  # noqa: N818 - it is no error
    """Raised between two requests when the user is to log out or the load ends."""


class CutOff(Exception):  # noqa: N818 - said of a WebSocket
    """A WebSocket ended, or must not be trusted any more. The text is its close code, or why."""


@dataclass(slots=True)
class Scene:
    """What all users share. `served()` is the set of versions being served now; `interval` is seconds."""

    base_url: str
    served: Callable[[], Collection[str]]
    recorder: Recorder
    tls: ssl.SSLContext | bool
    timeout: float
    interval: Callable[[], float]
    ended: bool = False


@dataclass(slots=True)
class Answer:
    status: int
    headers: Any
    text: str

    def json(self) -> dict[str, Any]:
        """The object's fields, none if it is another kind of value. Raise ValueError when it is not JSON."""
        body = json.loads(self.text)
        return body if isinstance(body, dict) else {}


class User:
    """`version`: the one that serves this session. `signed`: the one in its token, when it has one."""

    def __init__(self, scene: Scene, kind: Kind, name: str, *, logs_in: bool) -> None:
        self.scene, self.kind, self.name, self.logs_in = scene, kind, name, logs_in
        self.version: str | None = None
        self.signed: str | None = None
        self._http: ClientSession
        self._leave: asyncio.Future[None] | None = None
        self._due = 0.0

    @property
    def logged_in(self) -> bool:
        return self.signed is not None

    def log_out(self) -> asyncio.Future[None]:
        """Log out at the next opportunity, and come back as a newcomer. Done when the log-out is answered."""
        if self._leave is None:
            self._leave = asyncio.get_running_loop().create_future()
        return self._leave

    async def run(self) -> None:
        # Users begin spread over one interval, not all in the same instant.
        self._due = time.monotonic() - random.random() * self._interval()
        try:
            while not self.scene.ended:
                async with self._client() as self._http:
                    with contextlib.suppress(Leaving):
                        if await self._arrive():
                            while True:
                                await self._browse()
                    if self.logged_in and self._leave is not None:
                        await self._request("POST", "/logout")
                self._left()
        finally:
            self._left()

    # A session's life

    async def _arrive(self) -> bool:
        if not self.logs_in:
            return True
        form = {"user": self.name, "email": f"{self.name}@example.test"}
        if self.kind == "bearer":
            answer = await self._send("POST", "/login", data=form, headers={"Accept": "application/json"})
            token = self._field(answer, "/login", "token")
        else:
            await self._send("GET", "/login")
            answer = await self._send("POST", "/login", data=form)
            token = next((c.value for c in self._http.cookie_jar if SESSION_COOKIE.fullmatch(c.key)), None)
        if answer is None:
            return False
        if not token:
            self._fail("POST", "/login", "no token")
            return False
        self.signed = _claimed_version(token) or self.version
        if self.kind == "bearer":
            self._http.headers["Authorization"] = f"Bearer {token}"
        return True

    async def _browse(self) -> None:
        """One page: the document, its assets, an API call, and now and then a note."""
        page = await self._send("GET", "/")
        if self.kind == "websocket":
            if page is not None:
                await self._hold()
            return
        for path in ASSET.findall(page.text) if page else ():
            if await self._send("GET", path) is None:
                return
        me = await self._send("GET", "/api/whoami")
        if me is not None and self._field(me, "/api/whoami", "user") not in (None, self.name):
            self._fail("GET", "/api/whoami", "somebody else's session")
        if random.random() < 0.25:
            await self._post_note()

    async def _post_note(self) -> None:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = await self._send("POST", "/api/notes", json={"text": f"{self.name} was here"}, headers=key)
        seen = self._field(answer, "/api/notes", "seen")
        if answer is not None and seen != 1:
            self.scene.recorder.doubled += 1
            self._note("POST", "/api/notes", f"seen {seen} times")

    def _left(self) -> None:
        self.version = self.signed = None
        if self._leave is not None and not self._leave.done():
            self._leave.set_result(None)
        self._leave = None

    # WebSockets

    async def _hold(self) -> None:
        """Hold a WebSocket for a while, with an echo about every second."""
        recorder, before = self.scene.recorder, self.scene.served()
        recorder.requests += 1
        try:
            timeout = ClientWSTimeout(ws_close=2.0)
            socket = await self._http.ws_connect(self.scene.base_url + "/ws", timeout=timeout)
        except WSServerHandshakeError as error:
            self._fail("GET", "/ws", f"handshake: {error.status}")
            return
        except LOST as error:
            self._fail("GET", "/ws", _name(error))
            return
        recorder.opened += 1
        async with socket:
            try:
                hello = str(json.loads(await _hear(socket, self.scene.timeout))["version"])
                self._judge("/ws", [hello], before)
                recorder.success(hello)
                await self._echo(socket)
            except (*LOST, CutOff, ValueError, KeyError, TypeError) as error:
                self._cut(str(error) if isinstance(error, CutOff) else _name(error))

    async def _echo(self, socket: ClientWebSocketResponse) -> None:
        """Until its life is over. Raise CutOff, or one of LOST."""
        end = time.monotonic() + random.uniform(*SOCKET_LIFE)
        while time.monotonic() < end and not self._wanted_elsewhere():
            sent = uuid.uuid4().hex
            await socket.send_str(sent)
            if await _hear(socket, self.scene.timeout) != sent:
                raise CutOff("another echo")
            with contextlib.suppress(TimeoutError):
                # Listening while we pause shows at once when the other side closes.
                await _hear(socket, random.uniform(0.8, 1.2))
                raise CutOff("unasked message")

    def _cut(self, code: str) -> None:
        self.scene.recorder.cut += 1
        self.scene.recorder.close_codes[code] += 1
        self._note("GET", "/ws", f"cut: {code}")
        self._back_off()

    # Requests

    async def _send(self, method: str, path: str, **options: Any) -> Answer | None:
        """A request at this user's pace. None when it failed, which has been counted. Raise Leaving."""
        await self._pace()
        if self._wanted_elsewhere():
            raise Leaving
        return await self._request(method, path, **options)

    async def _request(self, method: str, path: str, **options: Any) -> Answer | None:
        recorder, before = self.scene.recorder, self.scene.served()
        recorder.requests += 1
        try:
            url = self.scene.base_url + path
            async with self._http.request(method, url, allow_redirects=False, **options) as response:
                text = (await response.read()).decode(errors="replace")
                answer = Answer(response.status, response.headers, text)
        except LOST as error:
            self._fail(method, path, _name(error))
            return None
        page_version, said = self.version, list(_versions(answer))
        self._judge(path, said, before)
        if (
            answer.status == 404
            and path.startswith("/assets/")
            and not self._was_served(page_version, before)
        ):
            recorder.overtaken += 1
            return None
        if not 200 <= answer.status < 400:
            self._fail(method, path, str(answer.status))
            return None
        if not answer.headers.get("X-Deployment-Version"):
            self._fail(method, path, "no X-Deployment-Version")
            return None
        recorder.success(said[0])
        return answer

    def _judge(self, path: str, answered: Iterable[str], before: Collection[str]) -> None:
        """Compare who answered with who had to: the token's version, else the one that served before.

        A version binds only if it was being served both when the request began and when it ended, so that
        a request under way while its version is retired is no flip.
        """
        for version in answered:
            self.version = self.version or version
            for own in (self.signed, self.version):
                if own == version:
                    break
                if self._was_served(own, before):
                    self.scene.recorder.flipped += 1
                    self._note("GET", path, f"flipped: {own} was answered by {version}")
                    return
            if version != self.version:
                self.scene.recorder.moved += 1
                self.version = version

    def _was_served(self, version: str | None, before: Collection[str]) -> bool:
        return version in before and version in self.scene.served()

    def _field(self, answer: Answer | None, path: str, name: str) -> Any:
        if answer is None:
            return None
        try:
            return answer.json().get(name)
        except ValueError:
            self._fail("GET", path, "not JSON")
            return None

    def _fail(self, method: str, path: str, what: str) -> None:
        self.scene.recorder.failed += 1
        self._note(method, path, what)
        self._back_off()

    def _note(self, method: str, path: str, what: str) -> None:
        self.scene.recorder.note(self.name, method, path, what)

    def _wanted_elsewhere(self) -> bool:
        return self.scene.ended or self._leave is not None

    def _interval(self) -> float:
        return self.scene.interval()

    async def _pace(self) -> None:
        """Open loop: the next request is due at a time that does not depend on how long the last one took."""
        if self.kind != "websocket":
            self._due += self._interval() * random.uniform(0.5, 1.5)
        late = time.monotonic() - self._due
        if late < 0:
            await asyncio.sleep(-late)
        elif late > PATIENCE:
            self._due += late

    def _back_off(self) -> None:
        """Who holds a WebSocket has no pace, and must not come back in a tight loop after a failure."""
        if self.kind == "websocket":
            self._due = time.monotonic() + random.uniform(0.5, 1.5)

    def _client(self) -> ClientSession:
        """A browser: its own cookies, its own connections, kept alive. The API client keeps no cookies."""
        connector: BaseConnector = TCPConnector(limit_per_host=6, ssl=self.scene.tls, keepalive_timeout=60)
        return ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar() if self.kind == "bearer" else CookieJar(unsafe=True),
            timeout=ClientTimeout(total=self.scene.timeout),
        )


async def _hear(socket: ClientWebSocketResponse, timeout: float) -> str:
    """The next text. Raise CutOff with the close code (1006 when there was none), or TimeoutError."""
    message = await socket.receive(timeout=timeout)
    if message.type is WSMsgType.TEXT:
        return str(message.data)
    raise CutOff(str(message.data) if message.type is WSMsgType.CLOSE else "1006")


def _versions(answer: Answer) -> Iterable[str]:
    """Who answered: in the proxy's words, and in the app's own where the body says it."""
    if header := answer.headers.get("X-Deployment-Version"):
        yield header
    if not 200 <= answer.status < 300:
        return
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("application/json"):
        try:
            said = answer.json().get("version")
        except ValueError:
            return
        if isinstance(said, str):
            yield said
    elif kind.startswith("text/html") and (found := PAGE_VERSION.search(answer.text)):
        yield found[1]


def _claimed_version(token: str) -> str | None:
    """The version claim of a JWT, unverified: we only ask what it promises."""
    try:
        payload = token.split(".")[1]
        claim = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["deploymentVersion"]
    except (IndexError, ValueError, KeyError, TypeError):
        return None
    return claim if isinstance(claim, str) else None


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
