"""What all users share, and what an answer says about who gave it."""

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

from aiohttp import ClientError

from .judgement import Migrate
from .serving import Serving
from .tally import Recorder

PAGE_VERSION = re.compile(r'data-version="([^"]+)"')
LOST = (ClientError, TimeoutError, OSError)


class Leaving(Exception):  # noqa: N818 - it is no error
    """Raised between two requests when the user is to log out or the load ends."""


@dataclass(slots=True)
class Scene:
    """`interval` is seconds.

    `migrate`: what may move a session while its version is served. `draining`: the version whose sessions
    migrate, from when that is in force.
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


@dataclass(slots=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> dict[str, Any]:
        """The object's fields, none if it is another kind of value. Raise ValueError when it is not JSON."""
        body = json.loads(self.body)
        return body if isinstance(body, dict) else {}

    def versions(self) -> Iterable[str]:
        """The versions that the answer names: in the proxy's header, and in the app's body."""
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
    """Open loop: the next request is due at a time that does not depend on how long the last one took.

    A pace that is not `steady` sends at once, but waits a while after a failure: no tight loops.
    """

    PATIENCE = 1.0  # seconds that a user may fall behind before missed requests are skipped

    def __init__(self, interval: Callable[[], float], *, steady: bool = True) -> None:
        self._interval, self._steady = interval, steady
        # Users begin spread over one interval, not all in the same instant.
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
    """The claims of a JWT, not verified: the load only reads what it promises."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def name_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
