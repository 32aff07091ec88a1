"""Reports to Redis where this node stands, and what its proxy says of it."""

import logging
import os
import time
from threading import Event
from typing import NoReturn

import msgspec

from session_api.agent.contact import Contact
from session_api.agent.control import Control, Status
from session_api.agent.follower import Follower
from session_api.agent.shared import Gone, Shared
from session_api.cluster.document import NONE
from session_api.cluster.report import EVERY, Report

log = logging.getLogger(__name__)
QUICK = 0.05  # seconds between two reports while what is new is not in force yet


class Reporter:
    """Runs in a thread of its own: a proxy that hangs keeps no document waiting."""

    def __init__(self, node: str, shared: Shared, control: Control, follower: Follower, news: Event) -> None:
        self._node, self._shared, self._control = node, shared, control
        self._follower, self._news = follower, news
        self._proxy, self._redis = Contact("the proxy"), Contact("Redis, told of this node,")

    def run(self) -> NoReturn:
        """An error that nothing foresees ends the process: a silent agent that lives would be worse."""
        try:
            while True:
                self._news.wait(self.report())
                self._news.clear()
        except BaseException:
            log.exception("the agent ends")
            os._exit(70)

    def report(self) -> float:
        """Leaves one report. Returns the seconds until the next one."""
        standing, wish, status = self._follower.standing, self._follower.wish, self._status()
        proxy = f"the proxy gives no good answer: {self._proxy.why}" if self._proxy.why else None
        report = Report(
            self._node,
            *standing.number,
            msgspec.Raw(status.text) if status else msgspec.Raw(b"null"),
            "; ".join(filter(None, (standing.error, proxy))) or None,
            standing.offered,
            wish,
            time.time(),
        )
        try:
            self._shared.report(report)
        except Gone as error:
            if error.refused:  # of a Redis that does not answer at all, the follower says so
                self._redis.lost(str(error))
            return EVERY
        self._redis.met()
        is_new = standing.number != NONE and status and not status.applied(standing.number.generation)
        is_wished = status and not status.grants(wish.drain)
        return QUICK if is_new or is_wished else EVERY

    def _status(self) -> Status | None:
        try:
            status = self._control.status()
        except (OSError, ValueError) as error:
            self._proxy.lost(str(error) or type(error).__name__)
            return None
        self._proxy.met()
        self._follower.proxy = status.began
        return status
