"""Clients of real libraries that keep WebSockets open with the back-off that these have by default."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

TICK = 0.01  # seconds
CASE = Path(__file__).parents[2] / "cases" / "sockets"


class Clients(Protocol):
    """Those of one library. `log` is what became of them, and `late` the longest pause of this process."""

    log: Log
    late: float

    def say(self, text: str) -> None:
        """On each of the sockets that are open."""

    def end(self) -> None:
        """Closes them all."""


class Log:
    """Of each client, by its number, what it was told and when: (what, text, Unix time)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[int, list[tuple[str, str, float]]] = defaultdict(list)

    def add(self, number: int, what: str, text: str, at: float) -> None:
        with self._lock:
            self._told[number].append((what, text, at))

    def opened(self) -> dict[int, list[tuple[str, float]]]:
        """The versions that each client was connected to, and since when: the first word of the demo app."""
        with self._lock:
            return {
                number: [(json.loads(text)["version"], at) for what, text, at in told if text.startswith("{")]
                for number, told in self._told.items()
            }

    def closed(self) -> set[str]:
        """The codes with which sockets were closed."""
        with self._lock:
            return {text for told in self._told.values() for what, text, _ in told if what == "closed"}

    def heard(self, text: str) -> int:
        """How many clients have heard it."""
        with self._lock:
            return sum(any(each[:2] == ("heard", text) for each in told) for told in self._told.values())


class Websockets:
    """The iterator of Python's `websockets`, as its documentation shows it."""

    def __init__(self, url: str, count: int) -> None:
        self.log, self.late = Log(), 0.0
        self._ended = False
        self._open: dict[int, ClientConnection] = {}
        self._loop = asyncio.new_event_loop()
        self._all = self._loop.create_task(self._run(url, count))
        self._thread = threading.Thread(target=self._until_the_end)
        self._thread.start()

    def _until_the_end(self) -> None:
        with closing(self._loop):
            self._loop.run_until_complete(self._all)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _run(self, url: str, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            for number in range(count):
                group.create_task(self._hold(url, number))

    async def _tick(self) -> None:
        while not self._ended:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            self.late = max(self.late, time.monotonic() - due)

    async def _hold(self, url: str, number: int) -> None:
        async for socket in connect(url, open_timeout=60):
            self._open[number] = socket
            try:
                async for message in socket:
                    self.log.add(number, "heard", str(message), time.time())
            except ConnectionClosed as end:
                self.log.add(number, "closed", str(end.rcvd.code if end.rcvd else 1006), time.time())
            if self._ended:
                return

    def say(self, text: str) -> None:
        async def on_all() -> None:
            await asyncio.gather(*(each.send(text) for each in self._open.values()), return_exceptions=True)

        asyncio.run_coroutine_threadsafe(on_all(), self._loop).result(60)

    def end(self) -> None:
        async def close_all() -> None:
            self._ended = True
            await asyncio.gather(*(each.close() for each in self._open.values()))

        asyncio.run_coroutine_threadsafe(close_all(), self._loop).result(60)
        self._thread.join()


class Reconnecting:
    """`reconnecting-websocket` of npm, on node, from where BGCTL_NODE_SOCKETS has it installed."""

    def __init__(self, url: str, count: int) -> None:
        self.log, self.late = Log(), 0.0
        folder = Path(os.environ["BGCTL_NODE_SOCKETS"]).resolve()
        self._node = subprocess.Popen(
            ["node", "hold.mjs", url, str(count)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in self._node.stdout or ():
            self.log.add(*json.loads(line))

    def say(self, text: str) -> None:
        assert self._node.stdin
        self._node.stdin.write(f"{text}\n")
        self._node.stdin.flush()

    def end(self) -> None:
        assert self._node.stdin
        self._node.stdin.close()
        self._node.wait(30)
        self._thread.join()
        assert self._node.stdout
        self._node.stdout.close()


LIBRARIES: dict[str, Callable[[str, int], Clients]] = {
    "websockets": Websockets,
    "reconnecting-websocket": Reconnecting,
}


@contextmanager
def holding(library: str, url: str, count: int) -> Iterator[Clients]:
    """So many clients, as long as this lasts."""
    clients = LIBRARIES[library](url, count)
    try:
        yield clients
    finally:
        clients.end()
