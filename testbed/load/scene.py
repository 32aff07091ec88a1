"""What all users of a load share, and what an answer says about the version that gave it."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import BaseConnector, ClientError, TCPConnector

from .judgement import Migrate
from .serving import Serving
from .tally import Recorder
from .wandering import Balancer

PAGE_VERSION = re.compile(r'data-version="([^"]+)"')
LOST = (ClientError, TimeoutError, OSError)  # what is raised for a request without an answer


class Leaving(Exception):  # noqa: N818 - it is no error
    """Raised between two requests when the user is to log out, or when the load ends."""


@dataclass(slots=True)
class Scene:
    """What all users share. `timeout` and what `interval` returns, between two requests, are seconds.

    `migrate` says what may move a session whose version is served. `draining` is the version whose sessions
    migrate now. `ended`: the load ends, and all users are to go. `balancer`: there are several hosts.
    """

    base_url: str
    serving: Serving
    recorder: Recorder
    tls: ssl.SSLContext | bool
    timeout: float
    interval: Callable[[], float]
    migrate: Migrate = "never"
    draining: str | None = None
    ended: bool = False
    balancer: Balancer | None = None

    def connector(self) -> BaseConnector:
        """The connections of one person."""
        if self.balancer:
            return self.balancer.connector(self.tls)
        return TCPConnector(limit_per_host=6, ssl=self.tls, keepalive_timeout=60)


@dataclass(slots=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> dict[str, Any]:
        """The fields of an object; none for any other value. Raises ValueError if the body is not JSON."""
        body = json.loads(self.body)
        return body if isinstance(body, dict) else {}

    def versions(self) -> Iterable[str]:
        """The version that answered: as the proxy says, and as the app says if it does."""
        if header := self.headers.get("X-Deployment-Version"):
            yield header
        if not 200 <= self.status < 300:
            return
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("application/json"):
            try:
                said = self.json().get("version")
            except ValueError:
                return
            if isinstance(said, str):
                yield said
        elif kind.startswith("text/html") and (found := PAGE_VERSION.search(self.text)):
            yield found[1]


class Pace:
    """When the next request is due.

    If `steady`, that does not depend on how long the last one took (an open loop). If not, it is due at once,
    or in a while after a failure, so that there are no tight loops.
    """

    PATIENCE = 1.0  # seconds by which requests may be late before that is no longer made up for

    def __init__(self, interval: Callable[[], float], *, steady: bool = True) -> None:
        self._interval, self._steady = interval, steady
        # Users begin spread over one interval, not all at the same moment.
        self._due = time.monotonic() - random.random() * interval()

    async def wait(self) -> None:
        if self._steady:
            self._due += self._interval() * random.uniform(0.5, 1.5)
        late = time.monotonic() - self._due
        if late < 0:
            await asyncio.sleep(-late)
        elif late > self.PATIENCE:
            self._due += late

    def back_off(self) -> None:
        if not self._steady:
            self._due = time.monotonic() + random.uniform(0.5, 1.5)


def claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, without a check of its signature; none if it is no JWT."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def name_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
