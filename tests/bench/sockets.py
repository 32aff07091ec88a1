"""WebSockets through a proxy: many that are silent, and messages through some that are not.

python -m tests.bench.sockets PORT   serves what the proxies pass on: it sends each message back
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from tests.bench.load import CLIENTS_CORE, Run
from tests.bench.rig import Subject

SILENT, SPEAKING = 1000, 100
SILENT_SECONDS = 10.0  # in which the proxy notes once that they are open
MESSAGE = "x" * 64
PLAIN: dict[str, Any] = {"compression": None, "ping_interval": None}  # no frame but the messages


@contextmanager
def echo(port: int) -> Iterator[None]:
    """The app that sends each message back, while this lasts."""
    command = ["taskset", "-c", str(CLIENTS_CORE), sys.executable, "-m", "tests.bench.sockets", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        app.stdout.readline()
        try:
            yield
        finally:
            app.terminate()


def messages(token: str) -> Callable[[Subject, float], Run]:
    """A load: each WebSocket sends its next message when the last one has come back."""
    return lambda subject, seconds: _here(_speak(subject.url, token, seconds))


def silent(subject: Subject, token: str) -> dict[str, float]:
    """What open WebSockets cost that say nothing: bytes of each, and ms of CPU in a second for all."""
    found: dict[str, float] = _here(_keep(subject, token))
    return found


def _here(work: Any) -> Any:
    """Does it on the core of the clients."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CLIENTS_CORE})
    try:
        return asyncio.run(work)
    finally:
        os.sched_setaffinity(0, before)


@asynccontextmanager
async def _open(url: str, token: str, count: int) -> AsyncIterator[list[ClientConnection]]:
    url, headers = url.replace("http", "ws", 1) + "socket", {"Authorization": f"Bearer {token}"}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(connect(url, additional_headers=headers, **PLAIN))
            for _ in range(count)
        ]


async def _speak(url: str, token: str, seconds: float) -> Run:
    async with _open(url, token, SPEAKING) as lines:
        end = time.monotonic() + seconds
        times = [
            each for line in await asyncio.gather(*(_talk(line, end) for line in lines)) for each in line
        ]
    cuts = statistics.quantiles(times, n=100)
    return Run(len(times), cuts[49], cuts[98])


async def _talk(line: ClientConnection, end: float) -> list[float]:
    taken = []
    while (began := time.monotonic()) < end:
        await line.send(MESSAGE)
        assert await line.recv() == MESSAGE
        taken.append(1000 * (time.monotonic() - began))
    return taken


async def _keep(subject: Subject, token: str) -> dict[str, float]:
    before, without = subject.private_bytes(), await _computed(subject)
    async with _open(subject.url, token, SILENT):
        spent, held = await _computed(subject), subject.private_bytes() - before
    return {"bytes": round(held / SILENT), "ms_a_second": spent, "ms_a_second_without": without}


async def _computed(subject: Subject) -> float:
    """Milliseconds of CPU in a second in which nothing happens, which is what is measured."""
    before = subject.cpu()
    await asyncio.sleep(SILENT_SECONDS)
    return round(1000 * (subject.cpu() - before) / SILENT_SECONDS, 1)


async def _serve(port: int) -> None:
    async def answer(line: ServerConnection) -> None:
        async for message in line:
            await line.send(message)

    async with serve(answer, "127.0.0.1", port, **PLAIN) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
