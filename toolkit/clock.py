"""The time, and the one way to wait for something: look, sleep, look again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """The system's clock, unless a test hands in another one. `monotonic` and `sleep` are in seconds."""

    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def every(self, seconds: float, within: float = inf) -> Iterator[float]:
        """Yields the seconds since the first look, once for each look, and sleeps `seconds` in between.

        Ends after the first look that comes to its end `within` seconds or later: there is always one look.
        The caller leaves the loop when it has found what it waits for; where the loop ends by itself, the
        time is over.
        """
        start = self.monotonic()
        while True:
            yield self.monotonic() - start
            if self.monotonic() - start >= within:
                return
            self.sleep(seconds)


SYSTEM = Clock()


def at_most_every(
    seconds: float, ask: Callable[[], str | None], clock: Clock = SYSTEM
) -> Callable[[], str | None]:
    """A question that costs, for a loop which looks more often: in between its answer is None."""
    last = -inf

    def answer() -> str | None:
        nonlocal last
        if clock.monotonic() - last < seconds:
            return None
        last = clock.monotonic()
        return ask()

    return answer
