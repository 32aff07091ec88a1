"""All that the dashboard shows, in one document."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from session_api import history
from session_api.clock import Clock, moment
from session_api.messages import ActiveSessions
from session_api.sessions import Sessions
from session_api.stores import StoreBusyError, StoreError
from session_api.version import Deployment, Slots, State

ENTRIES = 12  # of the history
BUSY, DOWN = "the session store is busy", "the session store does not answer"


class Gauge(msgspec.Struct, frozen=True, rename="camel"):
    """One version's load, of all proxies: open requests and WebSockets now, the rest since they started."""

    open: int
    websockets: int
    requests: int
    errors: int


Gauges = Callable[[], dict[str, Gauge] | None]


class Overview(msgspec.Struct, frozen=True, rename="camel"):
    """What is null is not known; for `sessions`, `unknown` says why."""

    at: datetime
    phase: str
    updated_at: str | None
    deployment: Deployment | None
    slots: Slots
    sessions: ActiveSessions | None
    unknown: str | None
    gauges: dict[str, Gauge] | None
    history: list[history.Entry] | None


def no_gauges() -> dict[str, Gauge] | None:
    """Until proxies report theirs."""
    return None


class Overviews:
    """Puts the document together. What cannot be had is null, and the rest is shown all the same."""

    def __init__(self, sessions: Sessions, state: State, clock: Clock, gauges: Gauges = no_gauges) -> None:
        self._sessions = sessions
        self._state = state
        self._clock = clock
        self._gauges = gauges

    def now(self, limit: int, page: str | None) -> Overview:
        """As of now, with one page of users. Raises StateError if no state was ever read."""
        release = self._state.document()
        old = release.deployment.old if release.deployment else None
        sessions, unknown = self._count(limit, page, old)
        return Overview(
            at=moment(self._clock()),
            phase=release.phase,
            updated_at=release.updated_at,
            deployment=release.deployment,
            slots=release.slots,
            sessions=sessions,
            unknown=unknown,
            gauges=self._gauge(),
            history=history.recent(self._state.path.with_name("history.jsonl"), ENTRIES),
        )

    def _count(
        self, limit: int, page: str | None, old: str | None
    ) -> tuple[ActiveSessions | None, str | None]:
        try:
            return self._ask(limit, page, old), None
        except StoreBusyError:
            return None, BUSY
        except StoreError:
            return None, DOWN

    def _ask(self, limit: int, page: str | None, version: str | None) -> ActiveSessions:
        """The seam: what active-sessions answers to these parameters; the census takes none yet."""
        return self._sessions.census()

    def _gauge(self) -> dict[str, Gauge] | None:
        try:
            return self._gauges()
        except StoreError:
            return None
