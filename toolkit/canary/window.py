"""A window of time, and what both versions have done in it by the proxy's figures."""

import time
from collections.abc import Callable

from toolkit.canary import verdict
from toolkit.canary.verdict import Verdict
from toolkit.clients.figures import Figures
from toolkit.clients.proxy_status import Status
from toolkit.config import Canary
from toolkit.terminal import humanize

NONE = Figures()


class Window:
    """Begins at the first look, and anew when the proxy's counts begin anew.

    `number` counts the windows of a release, from 1: each has its own part of the risk of a wrong verdict.
    """

    def __init__(self, old: str, new: str, number: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.number = number
        self.blue = self.green = NONE
        self._old, self._new, self._clock = old, new, clock
        self._since: float | None = None
        self._proxy: float | None = None
        self._first = self._last = (NONE, NONE)

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return 0.0 if self._since is None else self._clock() - self._since

    def take(self, status: Status) -> str:
        """Takes a look at the figures. Returns why the window begins anew, or ""."""
        now = (status.figures.get(self._old, NONE), status.figures.get(self._new, NONE))
        why = self._broken(status, now) if self._since is not None else ""
        if why:
            self.number += 1
        if why or self._since is None:
            self._since, self._proxy, self._first = self._clock(), status.started_at, now
        self._last = now
        self.blue, self.green = (after.since(first) for after, first in zip(now, self._first, strict=True))
        return why

    def judge(self, settings: Canary) -> Verdict:
        return verdict.judge(self.blue, self.green, settings, self.number)

    def __str__(self) -> str:
        """ "green 312 requests, 0.3 % failed, p99 up to 100 ms; blue ..." """
        return f"green {describe(self.green)}; blue {describe(self.blue)}"

    def _broken(self, status: Status, now: tuple[Figures, Figures]) -> str:
        if status.started_at != self._proxy:
            return "the proxy was restarted"
        if not all(after.continues(before) for after, before in zip(now, self._last, strict=True)):
            return "the proxy's counts began anew"
        return ""


def describe(figures: Figures) -> str:
    if not figures.requests:
        return "no requests"
    said = f"{figures.requests} requests, {humanize.percent(figures.error_rate, 1)} failed"
    if figures.p99 is None:
        return said
    last = figures.bounds[-1] if figures.bounds else 0.0
    slow = f"over {humanize.short(last)}" if figures.p99 > last else f"up to {humanize.short(figures.p99)}"
    return f"{said}, p99 {slow}"
