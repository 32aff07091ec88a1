"""The load: users, the pace that they have in common, and the tally."""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from .judgement import Migrate
from .regulars import Regulars
from .scene import Scene
from .serving import Serving
from .tally import Kept, Recorder, Tally
from .user import HOLDERS, KINDS, Kind, User
from .wandering import Balancer

LAG_PROBE = 0.05  # seconds that a probe sleeps: how late it wakes is this process's own lag


class Load:
    """Constant load on a server, by users each of whom notices a wrong answer.

    `served` are the versions that are served when it starts; set_served() tells what changes. `rate` is the
    number of requests per second of all users together; those of holders (of WebSockets, event streams, long
    polls, large bodies) come on top. `ca` is the file of a certificate authority to trust. `timeout` is
    seconds per request. `migrate` says what may move a session off a version that is served. With `hosts`,
    addresses, the host in `base_url` is only a name, and each request goes to any of them.
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
        hosts: Sequence[str] = (),
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
            balancer=Balancer(hosts) if hosts else None,
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
        """Tells which versions are served.

        That one goes must be told *before* anything takes it out of service, and that one comes before its
        first session is made. The version that is left takes over the sessions of those that go.
        """
        self._scene.serving.change(versions)

    def settle(self) -> None:
        """Tells that this is in force: a version that has gone must not answer a new request."""
        self._scene.serving.settle()

    def set_away(self, hosts: Collection[str]) -> None:
        """Tells which of several hosts are away: before they go, and after they are back."""
        if self._scene.balancer:
            self._scene.balancer.set_away(hosts)

    def set_migrate(self, migrate: Migrate) -> None:
        """Tells what may move a session; it must be told before the proxy does it."""
        self._scene.migrate = migrate

    def set_draining(self, version: str | None) -> None:
        """Tells that the proxy has begun to migrate sessions of `version`. Their page views count now."""
        self._scene.draining = version
        for user in self._users:
            user.session.views = 0

    async def start(self) -> None:
        self._recorder.begin()
        self._probe = asyncio.create_task(self._measure_lag())

    def spawn(self, kind: Kind, n: int = 1) -> None:
        """Adds users. Every second holder is logged in, the others are visitors."""
        if kind not in KINDS:
            raise ValueError(f"no such kind of user: {kind!r}; there are {', '.join(KINDS)}")
        for index in range(n):
            logs_in = kind in ("cookie", "bearer", "tabs") or (kind in HOLDERS and index % 2 == 0)
            user = User(self._scene, kind, f"{kind}-{next(self._numbers):03d}", logs_in=logs_in)
            self._users[user] = asyncio.create_task(user.run(), name=user.name)
            self._paced += _paces(user)

    async def log_out(self, predicate: Callable[[User], bool], limit: int | None = None) -> int:
        """Logs out at most `limit` users that the predicate picks; returns how many.

        A visitor forgets its cookies. All come back at once as newcomers, so that the load stays the same.
        """
        chosen = list(itertools.islice(filter(predicate, self._users), limit))
        await asyncio.gather(*(user.log_out() for user in chosen))
        return len(chosen)

    def leave(
        self, version: str, every: float, *, kind: Kind | None = None, come_back: bool = False
    ) -> asyncio.Task[None]:
        """Sends users of `version` (of one kind only, if it is named) away, one every `every` seconds.

        The task ends when no tab of any user is left on that version. Users who are logged in log out,
        visitors just go. With `come_back` they come back as newcomers.
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
        """The keys of all POSTs, and whether the app has answered each."""
        return self._recorder.posts

    async def stop(self) -> Tally:
        """Lets every request end, closes all connections, and returns the final tally.

        Raises what ended a user's task, if that was an error.
        """
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
    """How many of a user send requests at the common pace: each of its tabs, but not a holder."""
    return 0 if user.kind in HOLDERS else max(1, len(user.tabs))
