"""Sends requests: counts each once, and has each answer judged."""

from __future__ import annotations

import asyncio
import io
import time
import uuid
from dataclasses import dataclass
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientOSError,
    ClientResponse,
    ClientSession,
    ServerDisconnectedError,
    TraceConfig,
)

from .headers import Headers
from .judgement import Judge, Session, Verdict
from .scene import LOST, Answer, Leaving, Pace, Scene, name_of
from .serving import Asked, Place


class Person:
    """A user with one session, and the cookies and connections that belong to it."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene, self.name = scene, name
        self.session = Session()
        self.http: ClientSession
        self._leave: asyncio.Future[None] | None = None

    @property
    def wanted_elsewhere(self) -> bool:
        return self.scene.ended or self._leave is not None


@dataclass(slots=True)
class Sent:
    """Whether a request went out on a connection that had served another one before."""

    reused: bool = False


def tracing() -> TraceConfig:
    """For a ClientSession whose requests carry a `Sent`."""

    async def reuse(session: Any, context: Any, params: Any) -> None:
        if isinstance(context.trace_request_ctx, Sent):
            context.trace_request_ctx.reused = True

    config = TraceConfig()
    config.on_connection_reuseconn.append(reuse)
    return config


def _fresh(options: dict[str, Any]) -> dict[str, Any]:
    """The options for one more try: aiohttp wants a large body as a file, which it reads to its end."""
    data = options.get("data")
    return {**options, "data": io.BytesIO(data)} if isinstance(data, bytes) else options


class Caller:
    """Sends requests of `person` at a pace of its own."""

    def __init__(self, person: Person, pace: Pace) -> None:
        self.person, self.pace = person, pace
        self.scene, self.recorder = person.scene, person.scene.recorder

    async def due(self) -> None:
        """Waits until it is time for the next request. Raises Leaving if the person is to go."""
        await self.pace.wait()
        if self.person.wanted_elsewhere:
            raise Leaving

    async def send(
        self, method: str, path: str, judge: Judge, document: Place | None = None, **options: Any
    ) -> Answer | None:
        """Makes a request when it is due. None if it failed, which has been counted. Raises Leaving."""
        await self.due()
        return await self.request(method, path, judge, document, **options)

    async def request(
        self, method: str, path: str, judge: Judge, document: Place | None = None, **options: Any
    ) -> Answer | None:
        """Makes a request now. None if it failed, which has been counted.

        `document` is given for an asset: the version of its page. Once that is retired, 404 is no failure.
        """
        asked, began = self.scene.serving.asks(), time.monotonic()
        self.recorder.requests += 1
        try:
            answer = await self._exchange(method, path, options)
        except LOST as error:
            self._miss(method, path, name_of(error), began)
            return None
        said = list(answer.versions())
        self.judge(path, said, judge, asked)
        if answer.status == 404 and document and not asked.lasts(document):
            self.recorder.overtaken += 1
            return None
        if not 200 <= answer.status < 400:
            self._miss(method, path, str(answer.status), began)
            return None
        if not answer.headers.get("X-Deployment-Version"):
            self.fail(method, path, "no X-Deployment-Version")
            return None
        self.recorder.success(said[0])
        return answer

    async def _exchange(self, method: str, path: str, options: dict[str, Any]) -> Answer:
        """Raises one of LOST."""
        async with await self.begin(method, path, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def begin(self, method: str, path: str, **options: Any) -> ClientResponse:
        """Returns an answer whose body is yet to come. Raises one of LOST.

        A server may close an idle connection at the moment in which a request is sent on it. If not a byte of
        an answer came, browsers send such a request again on a new connection, whatever its method. So does
        this, once.
        """
        url, sent = self.scene.base_url + path, Sent()
        for again in (False, True):
            try:
                return await self.person.http.request(
                    method, url, allow_redirects=False, trace_request_ctx=sent, **_fresh(options)
                )
            except (ServerDisconnectedError, ConnectionResetError, ClientOSError) as error:
                if again or not sent.reused or isinstance(error, ClientConnectorError):
                    raise
                self.recorder.resent += 1
                sent.reused = False
        raise AssertionError("not reached")

    def judge(self, path: str, said: list[str], judge: Judge, asked: Asked) -> None:
        """Counts the verdict on an answer. `said`: the versions that its header and its body name."""
        session = self.person.session
        for answered in said:
            match judge.judge(answered, asked):
                case Verdict.FLIPPED:
                    self.recorder.flipped += 1
                    self.note("GET", path, f"flipped: {judge.owner(asked)} was answered by {answered}")
                    return
                case Verdict.MOVED:
                    self.recorder.moved += 1
                case Verdict.MIGRATED:
                    self.recorder.migrate(session.views + 1)
                    session.views = 0

    async def ask(self, path: str, judge: Judge, sent: Headers) -> None:
        """Makes an API call whose answer may say whose session it was made in."""
        answer = await self.send("GET", path, judge, headers=sent)
        # No user may also mean that the session API was too slow for the app, which does not wait for it.
        if self.field(answer, path, "user") not in (None, self.person.name):
            self.fail("GET", path, "somebody else's session")

    async def pin_note(self, judge: Judge, sent: Headers) -> None:
        """Posts a note, which must arrive once."""
        note = {"text": f"{self.person.name} was here"}
        await self.post_once("/api/notes", judge, headers=sent, json=note)

    async def post_once(self, path: str, judge: Judge, headers: Headers, **options: Any) -> Answer | None:
        """Makes a POST with a key of its own (Idempotency-Key), which the app must see once."""
        await self.due()  # It may raise, and the key of a POST that was never sent must not be entered.
        key = uuid.uuid4().hex
        self.recorder.posts[key] = False
        answer = await self.request(
            "POST", path, judge, headers={"Idempotency-Key": key, **headers}, **options
        )
        if answer is None:
            return None
        self.recorder.posts[key] = True
        seen = self.field(answer, path, "seen")
        if seen != 1:
            self.recorder.doubled += 1
            self.note("POST", path, f"seen {seen} times")
        return answer

    def field(self, answer: Answer | None, path: str, name: str) -> Any:
        if answer is None:
            return None
        try:
            return answer.json().get(name)
        except ValueError:
            self.fail("GET", path, "not JSON")
            return None

    def _miss(self, method: str, path: str, what: str, began: float) -> None:
        """Counts a request that got no good answer."""
        if not (balancer := self.scene.balancer):
            self.fail(method, path, what)
        elif not balancer.was_away(began):
            self.fail(method, path, f"{what}, at {balancer.reached or 'no host'}")
        else:
            self.recorder.lost += 1
            self.pace.back_off()

    def fail(self, method: str, path: str, what: str) -> None:
        self.recorder.failed += 1
        self.note(method, path, what)
        self.pace.back_off()

    def note(self, method: str, path: str, what: str) -> None:
        self.recorder.note(self.person.name, method, path, what)
