"""Where sessions are kept. Every store is a `Store` and passes the same tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

GONE_SLACK = 1  # seconds by which the moments of two reports may be rounded apart
PURGE_AFTER = 86400  # seconds past expiry, far more than any leeway: an ended session must not come back
WALK = 1000  # how many sessions an outlook may look at: beyond, it says later rather than exactly

Fresh = Callable[[], bool]  # whether a store made now would be a new project's: nothing can have been missed


class StoreError(Exception):
    """The store cannot answer, so nothing is known: least of all that a count is 0."""


class StoreBusyError(StoreError):
    """The store is in use for too long; trying again soon makes sense."""


class UnfitStoreError(StoreError):
    """The store answers, but would lose sessions in silence. Its text holds no secrets."""


@dataclass(frozen=True)
class Session:
    """One log-in, by its names. Times are whole Unix seconds by the store's clock.

    `expires_at` is that of its last token. Of a caller's session, `created_at` and `good_until` say when the
    token at hand was issued (0: it does not say) and expires, and `issued_at` when the newest one was.
    """

    sid: str
    user_id: str
    email: str | None
    version: str
    created_at: int
    last_activity: int
    expires_at: int
    issued_at: int = 0
    good_until: int = 0


class Seen(NamedTuple):
    """A session, or with no user a visitor, as a proxy saw it `age` seconds ago.

    `issued_at` is that of its newest token: 0 if that does not say, -1 if the proxy has not told.
    """

    sid: str
    user_id: str | None
    version: str
    age: int
    expires_at: int
    issued_at: int = -1


class Gone(NamedTuple):
    """A visitor who logged in `age` seconds ago. Whoever was seen under that name since is somebody else."""

    sid: str
    age: int = 0


@dataclass(frozen=True)
class Gauge:
    """What a proxy has open on a version, and what it has served since it started."""

    open: int = 0
    websockets: int = 0
    requests: int = 0
    errors: int = 0


@dataclass(frozen=True)
class Report:
    """A proxy's batch. `reach` is how many seconds its memory goes back; None for `gauges`: as before.

    `instance` names the proxy since its start. `complete`: of sessions it has nothing left to tell;
    `visitors_complete`: nor of visitors.
    """

    proxy: str
    reach: int = 0
    epoch: str | None = None
    complete: bool = True
    seen: tuple[Seen, ...] = ()
    gone: tuple[Gone, ...] = ()
    gauges: Mapping[str, Gauge] | None = None
    visitors_complete: bool = True
    instance: str = ""


@dataclass(frozen=True)
class Heard:
    """When a proxy reported last, how far its memory goes back, and when it had last told all of it.

    `told_at` is for sessions, `visitors_told_at` for visitors. `doubled_at`: when another one last reported
    under its name. One that starts anew takes the place of the one before; where that one comes back, there
    are two.
    """

    proxy: str
    seen_at: int
    since: int
    told_at: int | None
    gauges: Mapping[str, Gauge] | None
    visitors_told_at: int | None
    doubled_at: int | None = None


@dataclass(frozen=True)
class Birth:
    """When the store was made, empty. `epoch` is its name since: another one means that it forgot."""

    epoch: str
    born_at: int
    fresh: bool


@dataclass(frozen=True)
class VersionCount:
    """The active log-ins of one version, the users they belong to, and its active visitors."""

    sessions: int = 0
    users: int = 0
    visitors: int = 0
    last_activity: int = 0


@dataclass(frozen=True)
class Census:
    """Who is active at `now`: users are counted once, however many sessions they have."""

    now: int
    users: int
    versions: dict[str, VersionCount]
    birth: Birth
    heard: list[Heard] = field(default_factory=list)


class UserSeen(NamedTuple):
    """A user of a version, and the latest activity there."""

    user_id: str
    email: str | None
    last_activity: int


class Place(NamedTuple):
    """Where a page of users ended."""

    last_activity: int
    user_id: str


class Outlook(NamedTuple):
    """The latest expiry of whoever is active on a version (None: nobody), and how many have left it."""

    expires_at: int | None
    departures: int


class Store(Protocol):
    """A session is kept until it is ended or expires; it is active, and counted, unless it was idle too long.

    Idle is not over: whoever comes back is counted again. `idle` is a window in seconds, shorter than the
    store's own. A store that lost its data fills again: a session that it has not seen, but whose verified
    token is at hand, is taken over from that token. A log-out ends every token issued up to then, and those
    that were known, for as long as any of them verifies; with one that was issued later the session begins
    anew. Of a token that does not say when it was issued, its expiry is compared instead. Counting costs the
    same however many there are. All methods raise StoreError.
    """

    def now(self) -> int:
        """The store's clock, which decides: hosts may disagree."""

    def add(self, session: Session) -> None:
        """Keep a new session. It is durable when this returns."""

    def find(self, session: Session) -> Session | None:
        """The session as it is kept, None if it is over for its token. One that was idle is active again."""

    def resume(self, session: Session) -> Session | None:
        """Mark activity and extend the life to `expires_at`; None if the session is over for its token."""

    def end(self, session: Session) -> bool:
        """End a session. True for the one call that ended it, among any number and from any host."""

    def note(self, report: Report) -> str:
        """Take in what a proxy saw, and answer with the epoch. The same report again changes no count."""

    def census(self, idle: int = 0) -> Census:
        """Count the active sessions."""

    def users(self, version: str, limit: int, after: Place | None = None, idle: int = 0) -> list[UserSeen]:
        """Users with an active session on that version, the latest first, each once."""

    def outlook(self, version: str, since: int) -> Outlook:
        """What a forecast needs; departures are those since `since`, in whole minutes."""

    def ping(self) -> None:
        """Return if the store can answer."""
