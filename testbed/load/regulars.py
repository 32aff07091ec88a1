"""Users who come before the first release, and never log out or load a page: are their sessions kept?"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Literal

from aiohttp import ClientSession, ClientTimeout, CookieJar, DummyCookieJar

from . import headers
from .apiclient import ApiClient
from .caller import Person, tracing
from .scene import Answer, Pace, Scene, claims

# "bearer" has a bearer token alone, and "visitor" a pin alone. "silent" is a browser with its cookies,
# and "forgetful" one that has lost its pin: these two make no request until they are called.
Habit = Literal["bearer", "silent", "forgetful", "visitor"]
COMES_BY_ITSELF = ("bearer", "visitor")
PIN = "bg_pin"
EVERY = 1.5  # seconds between two requests of a regular that comes by itself, on average
APP_ASKS_AGAIN = 5.5  # seconds after which the app asks a session API that was too slow for it once more
TRIES = 4  # a busy machine is slow for longer than that
WHO = "/api/whoami"
BOARD = "/"


class Regular(ApiClient):
    """One regular. After it has come it loads no page, so that nothing may move its session.

    `faults` counts what went wrong so far, and `last` is when it was last answered, by the monotonic clock.
    """

    def __init__(self, scene: Scene, habit: Habit, name: str) -> None:
        super().__init__(Person(scene, name), Pace(lambda: 0.0, steady=False))
        self.habit: Habit = habit
        self.faults = 0
        self.last = 0.0
        self._sid = ""

    @property
    def kept(self) -> bool:
        """Whether it has come, and every answer so far was given by its own version."""
        return self.last > 0 and not self.faults

    async def arrive(self) -> None:
        person, bearer = self.person, self.habit == "bearer"
        person.http = ClientSession(
            connector=self.scene.connector(),
            cookie_jar=DummyCookieJar() if bearer else CookieJar(unsafe=True),
            headers=None if bearer else headers.ALWAYS,
            timeout=ClientTimeout(total=self.scene.timeout),
            trace_configs=[tracing()],
        )
        if bearer:
            person.http.headers["Authorization"] = f"Bearer {await self.log_in()}"
        else:
            await self.request("GET", BOARD, person.session, headers=headers.navigation())
        if self.habit in ("silent", "forgetful"):
            origin = self.scene.base_url
            form = {"user": person.name, "email": f"{person.name}@example.test"}
            sent = headers.form(origin, origin + BOARD)
            await self.request("POST", "/login", person.session, data=form, headers=sent)
        self._sid = self._pinned()
        await self.come()

    async def come(self) -> None:
        """Makes a request, which must find the session as it was left."""
        if self.habit == "forgetful":
            self.person.http.cookie_jar.clear(lambda cookie: cookie.key.endswith(PIN))
        sent = {} if self.habit == "bearer" else headers.fetch(self.scene.base_url + BOARD)
        for tries_left in reversed(range(TRIES)):
            answer = await self.request("GET", WHO, self.person.session, headers=sent)
            self.last = time.monotonic()
            if answer is None or self._recognised(answer, is_last=not tries_left):
                return
            await asyncio.sleep(APP_ASKS_AGAIN)

    def _recognised(self, answer: Answer, *, is_last: bool) -> bool:
        """Whether it was answered as whom it is; False: the app did not know, and it is worth another try."""
        if self.habit == "visitor":
            before, self._sid = self._sid, self._pinned()
            if self._sid != before:
                self.fail("GET", WHO, "taken for a newcomer")
            return True
        user = self.field(answer, WHO, "user")
        if user is None and not is_last:
            return False
        if user != self.person.name:
            self.fail("GET", WHO, "the session is lost")
        return True

    def note(self, method: str, path: str, what: str) -> None:
        self.faults += 1
        super().note(method, path, what)

    def _pinned(self) -> str:
        """The session's id in the visitor's pin."""
        pins = (cookie.value for cookie in self.person.http.cookie_jar if cookie.key.endswith(PIN))
        return str(claims(next(pins, "")).get("sid", ""))


class Regulars:
    """All regulars. Between `hush` and `resume` none comes by itself, because a drain would wait for it."""

    def __init__(self, scene: Scene) -> None:
        self.silence = 0.0  # seconds for which the silent regulars stay away, at least
        self._scene = scene
        self._all: list[Regular] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._may_come = asyncio.Event()
        self._may_come.set()

    def __len__(self) -> int:
        return len(self._all)

    @property
    def kept(self) -> int:
        return sum(one.kept for one in self._all)

    async def arrive(self, n: int) -> None:
        """Has `n` with a bearer token come, `n` with cookies (half lose the pin), and `n` visitors."""
        new = [
            Regular(self._scene, habit, f"{habit}-regular-{len(self._all) + number:03d}")
            for number, habit in enumerate(_habits(n), start=1)
        ]
        self._all += new
        await asyncio.gather(*(one.arrive() for one in new))
        self._tasks += [asyncio.create_task(self._live(one)) for one in new if one.habit in COMES_BY_ITSELF]

    def hush(self) -> None:
        self._may_come.clear()

    def resume(self) -> None:
        self._may_come.set()

    def silence_left(self) -> float:
        """Seconds until all silent regulars have been silent for long enough."""
        last = max((one.last for one in self._all if one.habit == "silent"), default=0.0)
        return max(0.0, last + self.silence - time.monotonic())

    async def call(self, *, everyone: bool) -> None:
        """Has regulars come once, now: all, or those that do not come by themselves."""
        await asyncio.gather(
            *(one.come() for one in self._all if everyone or one.habit not in COMES_BY_ITSELF)
        )

    async def end(self) -> None:
        """Waits for the requests that are under way. Raises what ended a task, if that was an error."""
        self._may_come.set()
        await asyncio.gather(*self._tasks)
        for one in self._all:
            await one.person.http.close()

    async def _live(self, one: Regular) -> None:
        while not self._scene.ended:
            await asyncio.sleep(EVERY * random.uniform(0.5, 1.5))
            await self._may_come.wait()
            if not self._scene.ended:
                await one.come()


def _habits(n: int) -> list[Habit]:
    silent: list[Habit] = ["silent" if number % 2 == 0 else "forgetful" for number in range(n)]
    return [*(["bearer"] * n), *silent, *(["visitor"] * n)]  # type: ignore[list-item]
