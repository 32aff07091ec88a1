"""The load: users, their common pace, and the tally."""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from .judgement import Migrate
from .regulars import Regulars
from .scene import Scene
from .serving import Serving
from .tally import Kept, Recorder, Tally
from .user import HOLDERS, KINDS, Kind, User

LAG_PROBE = 0.05  # seconds


class Load:
    """Constant load on a server, by users who each notice a wrong answer.

    `served` are the versions that are served when it starts; set_served() tells what changes.
    `rate` is requests per second over all users together; holders (of WebSockets, event streams, long polls,
    large bodies) come on top. `ca` is a file with the certificate authority to trust; `timeout` is seconds
    per request. `migrate` says what may move a session off a version that is being served.
    """

    def __init__(
        self,
        base_url: str,
        *,
        served: Collection[str],
        rate: float = 400.0,
        ca: Path | None = None,
        timeout: float = 10.0,
        migrate: Migrate = "never",
    ) -> None:
        self.rate = rate
        self._recorder = Recorder()
        self._scene = Scene(
            base_url.rstrip("/"),
            Serving(served),
            self._recorder,
            ssl.create_default_context(cafile=ca) if ca else True,
            timeout,
            self._interval,
            migrate,
        )
        self._users: dict[User, asyncio.Task[None]] = {}
        self._paced = 0
        self._numbers = itertools.count(1)
        self._probe: asyncio.Task[None] | None = None
        self._departures: list[asyncio.Task[None]] = []
        self.regulars = Regulars(self._scene)

    @property
    def users(self) -> tuple[User, ...]:
        return tuple(self._users)

    def set_served(self, versions: Collection[str]) -> None:
        """A version must be out of it *before* anything takes that version out of service, and in it at the
        latest when its first session is made. The one that is left takes over the sessions of those that go.
        """
        self._scene.serving.change(versions)

    def settle(self) -> None:
        """The change has happened: a version that is out must answer no request that begins from now on."""
        self._scene.serving.settle()

    def set_migrate(self, migrate: Migrate) -> None:
        """Allow it before the proxy may do it."""
        self._scene.migrate = migrate

    def set_draining(self, version: str | None) -> None:
        """Count the page views of its sessions from here on, when the proxy has begun to migrate them."""
        self._scene.draining = version
        for user in self._users:
            user.session.views = 0

    async def start(self) -> None:
        self._recorder.begin()
        self._probe = asyncio.create_task(self._measure_lag())

    def spawn(self, kind: Kind, n: int = 1) -> None:
        """Add users. Every second holder (of a WebSocket, say) is logged in, the others are visitors."""
        if kind not in KINDS:
            raise ValueError(f"no such kind of user: {kind!r}; there are {', '.join(KINDS)}")
        for index in range(n):
            logs_in = kind in ("cookie", "bearer", "tabs") or (kind in HOLDERS and index % 2 == 0)
            user = User(self._scene, kind, f"{kind}-{next(self._numbers):03d}", logs_in=logs_in)
            self._users[user] = asyncio.create_task(user.run(), name=user.name)
            self._paced += _paces(user)

    async def log_out(self, predicate: Callable[[User], bool], limit: int | None = None) -> int:
        """Log out those users whom the predicate picks, at most `limit`; return how many.

        A visitor who is picked forgets its cookies. Each comes back at once as a newcomer: the load stays.
        """
        chosen = list(itertools.islice(filter(predicate, self._users), limit))
        await asyncio.gather(*(user.log_out() for user in chosen))
        return len(chosen)

    def leave(
        self, version: str, every: float, *, kind: Kind | None = None, come_back: bool = False
    ) -> asyncio.Task[None]:
        """Send users of `version` (of one kind only, if it is given) away, one every `every` seconds.

        Ends when nobody is left on it, in any tab. Who is logged in logs out, a visitor just goes; they come
        back as newcomers, or not at all.
        """
        task = asyncio.create_task(self._lead_out(version, every, kind, come_back))
        self._departures.append(task)
        return task

    async def _lead_out(self, version: str, every: float, kind: Kind | None, come_back: bool) -> None:
        going: list[asyncio.Task[None]] = []
        while here := [one for one in self._users if one.on(version) and kind in (None, one.kind)]:
            if stay := [one for one in here if not one.leaving]:
                going.append(asyncio.create_task(self._send_away(random.choice(stay), come_back)))
            await asyncio.sleep(every)
        await asyncio.gather(*going)

    async def _send_away(self, user: User, come_back: bool) -> None:
        await user.log_out(for_good=not come_back)
        if not come_back and (task := self._users.pop(user, None)):
            self._paced -= _paces(user)
            await task

    def tally(self) -> Tally:
        return self._recorder.tally(
            Counter(user.version for user in self._users if user.version),
            Counter(page for user in self._users for page in user.pages),
            Kept(self.regulars.kept, len(self.regulars)),
        )

    @property
    def posts(self) -> dict[str, bool]:
        """The keys of all POSTs, and whether the app said that it has it."""
        return self._recorder.posts

    async def stop(self) -> Tally:
        """Let every request end, close all connections, return the final tally. Raise what killed a user."""
        self._recorder.end()
        last = self.tally()
        self._scene.ended = True
        for departure in self._departures:
            departure.cancel()
        await asyncio.gather(*self._departures, return_exceptions=True)
        if self._probe:
            self._probe.cancel()
        outcomes = await asyncio.gather(*self._users.values(), self.regulars.end(), return_exceptions=True)
        self._users.clear()
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        kept = Kept(self.regulars.kept, len(self.regulars))
        return self._recorder.tally(last.sessions, last.pages, kept)

    def _interval(self) -> float:
        """Mean seconds between two requests of one user."""
        return max(self._paced, 1) / self.rate

    async def _measure_lag(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(LAG_PROBE)
            self._recorder.lag = max(self._recorder.lag, time.monotonic() - began - LAG_PROBE)


def _paces(user: User) -> int:
    """How many send requests at the common pace: each tab does, the holder of a WebSocket does not."""
    return 0 if user.kind in HOLDERS else max(1, len(user.tabs))
