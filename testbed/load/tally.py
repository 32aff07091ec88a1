"""What the load counts, and what it calls that."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

KEPT = 20  # failures that are kept with their words; all are counted


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong. `at` is in RFC 3339, in UTC, with milliseconds."""

    at: str
    user: str
    method: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.at} {self.user} {self.method} {self.path}: {self.what}"


class Kept(NamedTuple):
    """How many of how many regulars were always found where they were left."""

    kept: int = 0
    regulars: int = 0


NOBODY = Kept()


@dataclass(slots=True)
class Tally:
    """The counts of a load. A release was seamless if `clean` is true and `max_gap_ms` is small.

    requests: HTTP requests with an outcome, each counted once; WebSocket handshakes are among them. failed:
    transport errors, time-outs, statuses that are neither 2xx nor 3xx, answers that make no sense. lost: the
    same of requests that had reached a host which was away meanwhile, as the load was told. flipped:
    answers by another version than the one that had to give them: the page's for all that a page loads and
    asks for, else the session's. A session's version is the one that it was left on, or, when that was taken
    out of service, the one that took over. moved: sessions whose version was taken out of service, and that
    went on with the one that took over: no fault. migrated: sessions that a navigation moved to another
    version, as it may: no fault. views_to_migrate: the most pages that a session on a draining version was
    shown, up to and with the one that migrated it; of a session that has not migrated, the pages so far.
    resent: requests sent again, as browsers do, because the server had closed an idle connection: no fault.
    overtaken: assets asked for after their page's version had been retired: no fault, the page is loaded
    anew. websockets_cut: WebSockets that were not ended by the load; `close_codes` says how they ended.
    streams_cut: event streams that were ended neither by the load nor after the app's event "bye".
    streams_renewed: event streams that ended after "bye", and were asked for again: no fault. max_gap_ms: the
    longest time between two consecutive successful answers, over all users. max_lag_ms: the longest time by
    which the load's own process woke late: a shorter gap may be its own. doubled_posts: posts that the app
    saw more than once. kept: of the `regulars`, who were there before the first release and never log out,
    how many have met no failure and no flip. answers: successful answers, by version. sessions, pages: those
    that are open now, by version.
    """

    requests: int = 0
    failed: int = 0
    lost: int = 0
    flipped: int = 0
    moved: int = 0
    migrated: int = 0
    views_to_migrate: int = 0
    resent: int = 0
    overtaken: int = 0
    websockets_opened: int = 0
    websockets_cut: int = 0
    streams_opened: int = 0
    streams_cut: int = 0
    streams_renewed: int = 0
    polls: int = 0
    uploads: int = 0
    downloads: int = 0
    doubled_posts: int = 0
    kept: int = 0
    regulars: int = 0
    max_gap_ms: float = 0.0
    max_gap_at: str = ""
    max_lag_ms: float = 0.0
    seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    pages: dict[str, int] = field(default_factory=dict)
    close_codes: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        cut = self.websockets_cut or self.streams_cut
        lost = self.regulars - self.kept
        return not (self.failed or self.flipped or cut or self.doubled_posts or lost)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tally:
        return cls(**{**data, "failures": [Failure(**failure) for failure in data["failures"]]})


class Recorder:
    """Counts as things happen. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.requests = self.failed = self.flipped = self.moved = self.overtaken = self.resent = 0
        self.migrated = self.views = 0
        self.opened = self.cut = self.doubled = self.lost = 0
        self.streams = self.streams_cut = self.streams_renewed = 0
        self.polls = self.uploads = self.downloads = 0
        self.posts: dict[str, bool] = {}  # the key of each POST, and whether the app has answered it
        self.answers: Counter[str] = Counter()
        self.close_codes: Counter[str] = Counter()
        self.lag = 0.0
        self._failures: deque[Failure] = deque(maxlen=KEPT)
        self._gap, self._gap_at = 0.0, ""
        self._began = self._last_success = 0.0
        self._ended: float | None = None

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        """Ends the measurement: a silence after this is no gap."""
        self._ended = time.monotonic()
        self._measure_gap(self._ended)

    def success(self, version: str) -> None:
        self.answers[version] += 1
        if self._ended is None:
            now = time.monotonic()
            self._measure_gap(now)
            self._last_success = now

    def viewed(self, views: int) -> None:
        """Notes that a session was shown its `views`-th page since its version drains."""
        self.views = max(self.views, views)

    def migrate(self, views: int) -> None:
        self.migrated += 1
        self.viewed(views)

    def note(self, user: str, method: str, path: str, what: str) -> None:
        """Keeps a failure's words. The caller also counts it."""
        self._failures.append(Failure(_now(), user, method, path, what))

    def tally(self, sessions: Mapping[str, int], pages: Mapping[str, int], kept: Kept = NOBODY) -> Tally:
        if self._ended is None:
            self._measure_gap(time.monotonic())  # A silence that still lasts counts as well.
        return Tally(
            requests=self.requests,
            failed=self.failed,
            lost=self.lost,
            flipped=self.flipped,
            moved=self.moved,
            migrated=self.migrated,
            views_to_migrate=self.views,
            resent=self.resent,
            overtaken=self.overtaken,
            websockets_opened=self.opened,
            websockets_cut=self.cut,
            streams_opened=self.streams,
            streams_cut=self.streams_cut,
            streams_renewed=self.streams_renewed,
            polls=self.polls,
            uploads=self.uploads,
            downloads=self.downloads,
            doubled_posts=self.doubled,
            kept=kept.kept,
            regulars=kept.regulars,
            max_gap_ms=round(self._gap * 1000, 1),
            max_gap_at=self._gap_at,
            max_lag_ms=round(self.lag * 1000, 1),
            seconds=round((self._ended or time.monotonic()) - self._began, 3),
            answers=dict(self.answers),
            sessions=dict(sessions),
            pages=dict(pages),
            close_codes=dict(self.close_codes),
            failures=list(self._failures),
        )

    def _measure_gap(self, now: float) -> None:
        """Measures the silence since the last success. Before the first one there is none to measure."""
        if self._last_success and now - self._last_success > self._gap:
            self._gap, self._gap_at = now - self._last_success, _now()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
