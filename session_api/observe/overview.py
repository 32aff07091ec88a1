"""The document behind the dashboard: all that it shows."""

from dataclasses import replace
from datetime import datetime

import msgspec

from session_api.clock import Clock, moment
from session_api.counts.counts import Counts
from session_api.counts.query import Query
from session_api.messages import ActiveSessions, Gauge
from session_api.state import history
from session_api.state.document import Deployment, Slots
from session_api.state.state import State
from session_api.stores.store import StoreBusyError, StoreError

ENTRIES = 12  # of the history
BUSY, DOWN = "the session store is busy", "the session store does not answer"


class Overview(msgspec.Struct, frozen=True, rename="camel"):
    """A field that is null is not known; `unknown` says why `sessions` is null."""

    at: datetime
    phase: str
    updated_at: datetime | None
    deployment: Deployment | None
    slots: Slots
    sessions: ActiveSessions | None
    unknown: str | None
    gauges: dict[str, Gauge] | None
    history: list[history.Entry] | None


class Overviews:
    """Puts the document together. A part that cannot be had is null, and the rest is shown all the same."""

    def __init__(self, counts: Counts, state: State, clock: Clock) -> None:
        self._counts = counts
        self._state = state
        self._clock = clock

    def now(self, query: Query) -> Overview:
        """As of now, with one page of users. Raises StateError if no state was ever read."""
        release = self._state.document()
        old = release.deployment.old if release.deployment else None
        sessions, unknown = self._count(replace(query, version=query.version or old))
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

    def _count(self, query: Query) -> tuple[ActiveSessions | None, str | None]:
        try:
            return self._counts.report(query), None
        except StoreBusyError:
            return None, BUSY
        except StoreError:
            return None, DOWN

    def _gauge(self) -> dict[str, Gauge] | None:
        try:
            return self._counts.gauges()
        except StoreError:
            return None
