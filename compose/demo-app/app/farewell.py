"""A polite end: ends open connections one by one, so that clients do not all come back at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

End = Callable[[], Awaitable[object]]


def moments(count: int, seconds: float) -> Iterator[float]:
    """When each of `count` ends: one at random in each of `count` equal parts of `seconds`."""
    return ((number + random.random()) * seconds / count for number in range(count))  # noqa: S311


class Farewell:
    """The WebSockets, event streams and long polls that are open. Each brings the function that ends it."""

    def __init__(self) -> None:
        self._ends: set[End] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._begun = False

    @contextmanager
    def on(self, end: End) -> Iterator[None]:
        """Enters one that has been opened. After the farewell has begun, it is ended at once."""
        self._ends.add(end)
        if self._begun:
            self._tell(end)
        try:
            yield
        finally:
            self._ends.discard(end)

    def _tell(self, end: End) -> None:
        task = asyncio.create_task(_quietly(end))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def say(self, seconds: float) -> None:
        """Ends all, spread over `seconds`."""
        self._begun = True
        now = asyncio.get_running_loop().time
        begun, leaving = now(), random.sample(list(self._ends), len(self._ends))
        for end, due in zip(leaving, moments(len(leaving), seconds), strict=True):
            await asyncio.sleep(begun + due - now())
            if end in self._ends:
                self._tell(end)


async def _quietly(end: End) -> None:
    """Ends one; a client that has gone already is no error."""
    with suppress(ConnectionResetError):
        await end()
