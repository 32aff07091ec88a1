"""Asks the session API, as this app's backend: to log in, to log out, and whose token this is."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)

REMEMBER = 30.0  # seconds for which a token's owner is believed before the API is asked again
ASK_AGAIN = 5.0  # seconds until it is asked again after it did not answer
TOKENS = 10_000
# A log-in is worth waiting for: of several hosts one may be gone, or just be back. So it is tried again every
# PAUSE seconds, for AGAIN seconds from its beginning.
PATIENTLY, AGAIN, PAUSE = ClientTimeout(total=4.5), 5.0, 0.5
BRIEFLY = ClientTimeout(total=1)  # a page waits for the user's name, and must come even if the name does not
KEPT = 2.0  # seconds for which an idle connection is kept: what follows a try that got no answer is made anew

log = logging.getLogger("slipway")


class UnavailableError(Exception):
    """The session API did not answer, or answered that it cannot."""


class RefusedError(Exception):
    """The session API refuses to make this session. The message is for the user."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a log-in yields: the API's JSON answer and the Set-Cookie header to pass on."""

    answer: dict[str, Any]
    cookie: str | None


class SessionApi:
    def __init__(self, http: ClientSession, url: str, key_file: Path) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._key_file = key_file
        self._owners: dict[str, tuple[str | None, float]] = {}

    async def log_in(self, user: str, email: str, routed: dict[str, str]) -> Login:
        """`routed` are the proxy's headers: where the log-in was sent. Raise RefusedError, UnavailableError.

        The key is read each time: a new one needs no restart.
        """
        if not (1 <= len(user) <= 128 and user.isprintable()):
            raise RefusedError("Please give a name of 1 to 128 characters.")
        try:
            key = self._key_file.read_text().strip()
        except OSError as error:
            log.warning("the service key cannot be read: %s", error)
            raise UnavailableError from error
        body = {"userId": user} | ({"email": email} if email else {})
        response, answer = await self._call("POST", "/token", key, json=body, headers=routed)
        if response.status in (400, 422):
            raise RefusedError(str(answer.get("detail") or "That name cannot be used."))
        if response.status != 201:
            log.warning("the session API answered %d to a log-in", response.status)
            raise UnavailableError
        if isinstance(token := answer.get("token"), str):
            self._remember(token, user, REMEMBER)
        return Login(answer, response.headers.get("Set-Cookie"))

    async def log_out(self, token: str) -> str | None:
        """End the token's session; return the Set-Cookie that clears the cookie. Raise UnavailableError."""
        self._owners.pop(token, None)
        response, _ = await self._call("POST", "/api/deployment/logout", token)
        if response.status not in (204, 401):  # 401: the session had ended already
            log.warning("the session API answered %d to a log-out", response.status)
            raise UnavailableError
        return response.headers.get("Set-Cookie")

    async def owner(self, token: str) -> str | None:
        """The user of a token, for display only. None if it has none, or if the API has not answered yet.

        A page must not fail because the session API is down: the last answer stands until there is a new one.
        """
        known, until = self._owners.get(token, (None, 0.0))
        if time.monotonic() < until:
            return known
        try:
            response, answer = await self._try("GET", "/api/deployment/session", token, timeout=BRIEFLY)
        except UnavailableError:
            self._remember(token, known, ASK_AGAIN)
            return known
        if response.status == 200:
            known = str(answer.get("userId"))
        elif response.status == 401:
            known = None
        self._remember(token, known, REMEMBER if response.status in (200, 401) else ASK_AGAIN)
        return known

    def remembered(self, token: str) -> str | None:
        """The user of a token, if this process knows it without asking."""
        return self._owners.get(token, (None, 0.0))[0]

    def _remember(self, token: str, user: str | None, seconds: float) -> None:
        self._owners.pop(token, None)
        self._owners[token] = (user, time.monotonic() + seconds)
        if len(self._owners) > TOKENS:
            del self._owners[next(iter(self._owners))]

    async def _call(
        self, method: str, path: str, key: str, **options: Any
    ) -> tuple[ClientResponse, dict[str, Any]]:
        """May be done several times: a session that nobody uses is not counted, and one is ended once."""
        last = time.monotonic() + AGAIN
        while time.monotonic() + PAUSE < last:
            with suppress(UnavailableError):
                return await self._try(method, path, key, **options)
            await asyncio.sleep(PAUSE)
        return await self._try(method, path, key, **options)

    async def _try(
        self, method: str, path: str, key: str, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[ClientResponse, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {key}"} | (headers or {})
        try:
            # Redirects are not followed: the key is for the session API alone.
            async with self._http.request(
                method, self._url + path, headers=headers, allow_redirects=False, **options
            ) as response:
                raw = await response.read()
                answer = await response.json(content_type=None) if raw else {}
        except (ClientError, TimeoutError, ValueError) as error:
            log.warning("the session API does not answer: %s: %s", type(error).__name__, error)
            raise UnavailableError from error
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
            log.warning("the session API cannot answer now")
            raise UnavailableError
        return response, answer if isinstance(answer, dict) else {}


def client() -> ClientSession:
    """The one client for all users. It keeps no cookies: one user's would go along with another's request.

    Nor does it keep idle connections for long: one to a host that is gone takes a request, and never
    answers it.
    """
    connections = TCPConnector(keepalive_timeout=KEPT)
    return ClientSession(timeout=PATIENTLY, cookie_jar=DummyCookieJar(), connector=connections)
