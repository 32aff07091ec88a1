"""A load on a stage, and the moves of a story."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from testbed.load import Load
from tests.unit.testbed.support.stage import Proxy, Stage, stage_of

OLD, NEW = "1.6.7", "1.6.8"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 60))


async def until(reached: Callable[[], object]) -> None:
    """Poll; the time-out of the whole scenario ends it when the state is never reached."""
    while not reached():
        await asyncio.sleep(0.01)


class Play:
    """A stage with a load on it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.load = Load(stage.url, served={OLD}, rate=200, timeout=30)

    @property
    def proxy(self) -> Proxy:
        return self.stage.proxy

    async def requests(self, more: int) -> None:
        enough = self.load.tally().requests + more
        await until(lambda: self.load.tally().requests >= enough)

    def release(self) -> None:
        """New sessions get the new version; the old one stays."""
        self.load.set_served({OLD, NEW})
        self.proxy.current = NEW

    def migrate(self) -> None:
        """As release(); from now on a navigation moves its session to the new version."""
        self.load.set_migrate("navigation")
        self.release()
        self.proxy.migrate = True
        self.load.set_draining(OLD)

    def retire(self) -> None:
        self.load.set_served({NEW})
        self.proxy.retire(OLD)
        self.load.settle()


@contextlib.asynccontextmanager
async def playing(key: Path, kinds: dict[str, int]) -> AsyncIterator[Play]:
    """Stopped at the end, if the test has not stopped it."""
    async with stage_of(key, OLD, NEW) as stage:
        play = Play(stage)
        await play.load.start()
        try:
            for kind, n in kinds.items():
                play.load.spawn(kind, n)  # type: ignore[arg-type]
            yield play
        finally:
            await play.load.stop()
