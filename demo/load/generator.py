"""The load: users, their common pace, and the tally."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from .tally import Recorder, Tally
from .user import KINDS, Kind, Scene, User

LAG_PROBE = 0.05  # seconds


class Load:
    """Constant load on a server, by users who each notice a wrong answer.

    `served` returns the versions being served at this moment. A version must be out of it *before* anything
    retires that version, and in it at the latest when its first session is made.
    `rate` is requests per second over all users together; holders of WebSockets come on top, with one page
    for each socket. `ca` is a file with the certificate authority to trust; `timeout` is seconds per request.
    """

    def __init__(
        self,
        base_url: str,
        *,
        served: Callable[[], Collection[str]],
        rate: float = 400.0,
        ca: Path | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.rate = rate
        self._recorder = Recorder()
        self._scene = Scene(
            base_url.rstrip("/"),
            served,
            self._recorder,
            ssl.create_default_context(cafile=ca) if ca else True,
            timeout,
            self._interval,
        )
        self._users: dict[User, asyncio.Task[None]] = {}
        self._paced = 0
        self._numbers = itertools.count(1)
        self._probe: asyncio.Task[None] | None = None

    @property
    def users(self) -> tuple[User, ...]:
        return tuple(self._users)

    async def start(self) -> None:
        self._recorder.begin()
        self._probe = asyncio.create_task(self._measure_lag())

    def spawn(self, kind: Kind, n: int = 1) -> None:
        """Add users. Every second holder of a WebSocket is logged in, the others are visitors."""
        if kind not in KINDS:
            raise ValueError(f"no such kind of user: {kind!r}; there are {', '.join(KINDS)}")
        for index in range(n):
            logs_in = kind in ("cookie", "bearer") or (kind == "websocket" and index % 2 == 0)
            user = User(self._scene, kind, f"{kind}-{next(self._numbers):03d}", logs_in=logs_in)
            self._users[user] = asyncio.create_task(user.run(), name=user.name)
            self._paced += kind != "websocket"

    async def log_out(self, predicate: Callable[[User], bool], limit: int | None = None) -> int:
        """Log out those users whom the predicate picks, at most `limit`; return how many.

        A visitor who is picked forgets its cookies. Each comes back at once as a newcomer: the load stays.
        """
        chosen = list(itertools.islice(filter(predicate, self._users), limit))
        await asyncio.gather(*(user.log_out() for user in chosen))
        return len(chosen)

    def tally(self) -> Tally:
        return self._recorder.tally(Counter(user.version for user in self._users if user.version))

    async def stop(self) -> Tally:
        """Let every request end, close all connections, return the final tally. Raise what killed a user."""
        self._recorder.end()
        sessions = self.tally().sessions
        self._scene.ended = True
        if self._probe:
            self._probe.cancel()
        outcomes = await asyncio.gather(*self._users.values(), return_exceptions=True)
        self._users.clear()
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return self._recorder.tally(sessions)

    def _interval(self) -> float:
        """Mean seconds between two requests of one user."""
        return max(self._paced, 1) / self.rate

    async def _measure_lag(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(LAG_PROBE)
            self._recorder.lag = max(self._recorder.lag, time.monotonic() - began - LAG_PROBE)
