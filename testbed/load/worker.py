"""The child of `process`: reads verbs from standard input, has the load obey them, and prints the answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .generator import Load
from .process import LoadError
from .user import Kind, User


async def serve() -> None:
    """Obeys until standard input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    worker = Worker()
    while line := await lines.readline():
        verb, arguments = json.loads(line)
        try:
            answer = {"result": await worker.obey(verb, arguments)}
        except Exception as error:  # Whatever it is, the caller has to hear of it.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    await worker.end()


class Worker:
    """The load, from the verb "start" to the verb "stop"."""

    def __init__(self) -> None:
        self._load: Load | None = None

    async def obey(self, verb: str, given: dict[str, Any]) -> Any:
        """What the verb returns. Raises LoadError for a verb that cannot be obeyed now."""
        if verb == "start":
            return await self._start(**given)
        load = self._load
        if load is None:
            raise LoadError("not started")
        if verb == "stop":
            self._load = None
            return {"tally": (await load.stop()).as_dict(), "posts": load.posts}
        if verb in AWAITED:
            return await AWAITED[verb](load, **given)
        if verb in AT_ONCE:
            return AT_ONCE[verb](load, **given)
        raise LoadError(f"no such verb: {verb}")

    async def _start(self, url: str, ca: str | None, **given: Any) -> None:
        self._load = Load(url, ca=Path(ca) if ca else None, **given)
        await self._load.start()

    async def end(self) -> None:
        if self._load is not None:
            await self._load.stop()


async def _keep(load: Load, n: int, silence: float) -> None:
    load.regulars.silence = silence
    await load.regulars.arrive(n)


async def _log_out(load: Load, version: str | None, limit: int | None, visitors: bool) -> int:
    def chosen(user: User) -> bool:
        there = user.version is not None and (version is None or user.on(version))
        return there and (visitors or user.logged_in)

    return await load.log_out(chosen, limit)


def _leave(load: Load, version: str, every: float, kind: Kind | None, come_back: bool) -> None:
    load.leave(version, every, kind=kind, come_back=come_back)


def _set_rate(load: Load, rate: float) -> None:
    load.rate = rate


AWAITED: dict[str, Callable[..., Awaitable[Any]]] = {
    "keep": _keep,
    "log_out": _log_out,
    "call": lambda load, everyone: load.regulars.call(everyone=everyone),
}
AT_ONCE: dict[str, Callable[..., Any]] = {
    "spawn": Load.spawn,
    "leave": _leave,
    "set_served": Load.set_served,
    "settle": Load.settle,
    "set_away": Load.set_away,
    "set_migrate": Load.set_migrate,
    "set_draining": Load.set_draining,
    "set_rate": _set_rate,
    "hush": lambda load: load.regulars.hush(),
    "resume": lambda load: load.regulars.resume(),
    "silence_left": lambda load: load.regulars.silence_left(),
    "snapshot": lambda load: load.tally().as_dict(),
}
