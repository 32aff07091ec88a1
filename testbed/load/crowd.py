"""Thousands of sessions and visitors over a few connections, and the exact truth about who is where."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from . import headers
from .scene import LOST, claims
from .truth import Count, Truth

SESSION, PIN = "bg_session", "bg_pin"
JSON = {"Accept": "application/json"}


class CrowdError(RuntimeError):
    """A request failed or made no sense: from here on the truth is not known."""


class Head:
    """One browser of the crowd, whose cookies are kept by hand. `user` is None for a visitor."""

    def __init__(self, user: str | None) -> None:
        self.user, self.sid = user, ""
        self.cookies: dict[str, str] = {}

    def keep(self, name: str, value: str) -> None:
        """Keeps a cookie; "" forgets it. The id is in a session's token, or in a visitor's pin."""
        self.cookies.pop(name, None)
        if value:
            self.cookies[name] = value
        if name.endswith(PIN if self.user is None else SESSION) and value:
            self.sid = str(claims(value).get("sid") or value)


class Crowd:
    """`async with Crowd(url, idle=30) as crowd: await crowd.log_in(5000)`.

    `idle` is the server's idle time-out in seconds; 0: none. Every `doubles`-th log-in is a second one of the
    user before it: with 5, 5,000 log-ins are 4,000 users. All requests share `connections` connections.
    """

    def __init__(self, base_url: str, *, idle: float, doubles: int = 5, connections: int = 16) -> None:
        self._url, self._doubles = base_url.rstrip("/"), doubles
        self.book = Truth(idle)
        self.sessions: list[Head] = []
        self.visitors: list[Head] = []
        self._connections = connections
        self._numbers = itertools.count()
        self._http: ClientSession

    async def __aenter__(self) -> Self:
        self._turns = asyncio.Semaphore(self._connections)
        self._http = ClientSession(
            connector=TCPConnector(limit=self._connections, keepalive_timeout=60),
            cookie_jar=DummyCookieJar(),
            headers=headers.ALWAYS,
            timeout=ClientTimeout(total=60),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    # What the crowd does. All of these raise CrowdError.

    async def log_in(self, n: int) -> None:
        """Makes `n` new sessions, on the version that new sessions get."""
        heads = [Head(self._user(number)) for number in itertools.islice(self._numbers, n)]
        await _all(self._log_in, heads)
        self.sessions += heads

    async def touch(self, k: int, *, page: bool = False) -> None:
        """Has `k` sessions, picked at random, make a request: an API call, or a page view."""
        await self._all_ask(_some(self.sessions, k), page)

    async def visit(self, n: int) -> None:
        """Has `n` new visitors make two requests each; the second has their pin, and counts them."""
        heads = [Head(None) for _ in range(n)]
        await self._all_ask(heads, page=True)
        await self._all_ask(heads, page=False)
        self.visitors += heads

    async def revisit(self, k: int, *, page: bool = False) -> None:
        """Has `k` visitors, picked at random, make a request."""
        await self._all_ask(_some(self.visitors, k), page)

    async def log_out(self, k: int, *, version: str | None = None) -> None:
        """Logs out `k` sessions for good, picked at random (among those on `version`, if it is named)."""
        leaving = _some([head for head in self.sessions if version in (None, self._place(head))], k)
        await _all(self._log_out, leaving)
        gone = set(leaving)
        self.sessions = [head for head in self.sessions if head not in gone]

    async def trickle(self, rate: float, seconds: float) -> None:
        """Makes `rate` API calls a second for `seconds`, of sessions picked at random."""
        begun, calls = time.monotonic(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            calls.append(asyncio.create_task(self._ask(random.choice(self.sessions), page=False)))
        await asyncio.gather(*calls)

    # The truth

    def truth(self, now: float | None = None) -> dict[str, Count]:
        """Sessions, users and visitors that are active on each version, at Unix time `now` or right now."""
        return self.book.counts(time.time() if now is None else now)

    def changed(self, now: float | None = None) -> dict[str, float]:
        """When the truth about each version last changed, in Unix time."""
        return self.book.changed(time.time() if now is None else now)

    def steady(self, before: float, after: float) -> bool:
        """Whether the truth is the same for `before` seconds, and, without a request, for `after` more."""
        return self.book.steady(time.time(), before, after)

    # Requests

    async def _all_ask(self, heads: Iterable[Head], page: bool) -> None:
        await _all(lambda head: self._ask(head, page=page), heads)

    async def _log_in(self, head: Head) -> None:
        form = {"user": head.user, "email": f"{head.user}@example.test"}
        await self._request(head, "POST", "/login", data=form, headers=JSON)
        if not head.sid:
            raise CrowdError("a log-in gave no session cookie")

    async def _ask(self, head: Head, *, page: bool) -> None:
        if page:
            await self._request(head, "GET", "/", headers=headers.navigation())
        else:
            await self._request(head, "GET", "/api/whoami", headers=headers.fetch(f"{self._url}/"))

    async def _log_out(self, head: Head) -> None:
        sent = headers.form(self._url, f"{self._url}/")
        sid = head.sid
        await self._request(head, "POST", "/logout", headers=sent)
        self.book.gone(sid, time.time())

    async def _request(self, head: Head, method: str, path: str, **options: Any) -> None:
        """A log-in counts from its first answer on, a visitor from the first request that carried its pin."""
        counts = head.user is not None or bool(head.cookies)
        if head.cookies:
            cookies = "; ".join(f"{name}={value}" for name, value in head.cookies.items())
            options["headers"] = {**options["headers"], "Cookie": cookies}
        async with self._turns:
            try:
                async with self._http.request(
                    method, self._url + path, allow_redirects=False, **options
                ) as response:
                    await response.read()
            except LOST as error:
                raise CrowdError(f"{method} {path}: {error!r}") from error
        version = response.headers.get("X-Deployment-Version")
        if response.status >= 400 or not version:
            raise CrowdError(f"{method} {path}: status {response.status}, version {version}")
        for line in response.headers.getall("Set-Cookie", ()):
            for name, morsel in SimpleCookie(line).items():
                head.keep(name, morsel.value)
        if counts and head.sid:
            self.book.answered(head.sid, head.user, version, time.time())

    def _place(self, head: Head) -> str | None:
        return self.book.place(head.sid)

    def _user(self, number: int) -> str:
        """The user's name; the last of every `doubles` log-ins is the user before it again."""
        again = self._doubles > 1 and number % self._doubles == self._doubles - 1
        return f"crowd-{number - again:05d}"


def _some(heads: list[Head], k: int) -> list[Head]:
    return random.sample(heads, min(k, len(heads)))


async def _all(do: Callable[[Head], Coroutine[Any, Any, None]], heads: Iterable[Head]) -> None:
    """Does `do` for all heads at once; the first failure ends the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            for head in heads:
                group.create_task(do(head))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
