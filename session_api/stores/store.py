"""What every store can do (`Store`), and how it fails. All stores pass the same tests."""

from collections.abc import Callable
from typing import Protocol

from session_api.stores.records import Census, Clients, Outlook, Position, Report, Session, UserSeen

GONE_SLACK = 1  # seconds by which rounding may set the times of two reports apart
PURGE_AFTER = 86400  # seconds past expiry, far more than any leeway: an ended session must not come back
WALK = 1000  # how many sessions an outlook may look at; where that is not enough, it says a later time

Fresh = Callable[[], bool]  # whether the project is new, so that an empty store can have missed no session


class StoreError(Exception):
    """The store cannot answer. Then counts are unknown, which is not 0."""


class StoreBusyError(StoreError):
    """Another user of the store takes too long; trying again soon makes sense."""


class UnfitStoreError(StoreError):
    """The store answers, but would lose sessions without an error. The text holds no secrets."""


class Store(Protocol):
    """Keeps a session until it is ended or expires. It is active, and counted, unless it was idle too long.

    An idle session is not over: after its next request it is counted again. `idle` is a window in seconds
    that is shorter than the store's own.

    A store that lost its data fills again: a session that it does not know is taken over from the verified
    token that a caller shows. A log-out ends all tokens that were issued up to then, and those that were
    known, for as long as any of them verifies; with a token that was issued later, the session begins anew.
    For a token that does not say when it was issued, expiries are compared instead.

    Counting costs the same, however many sessions there are. All methods raise StoreError.
    """

    def now(self) -> int:
        """The time by the store's clock, which decides for all hosts: their own clocks may differ."""

    def add(self, session: Session) -> None:
        """Keep a new session. It is durable when this returns."""

    def find(self, session: Session) -> Session | None:
        """The session as it is kept; None if it is over for this token. An idle one is active again."""

    def resume(self, session: Session) -> Session | None:
        """Mark activity and extend the life to `expires_at`; None if the session is over for this token."""

    def end(self, session: Session) -> bool:
        """End a session. Of any number of calls, from any hosts, True is the answer to one."""

    def note(self, report: Report) -> str:
        """Take in what a proxy saw, and answer with the epoch. The same report again changes no count."""

    def census(self, idle: int = 0) -> Census:
        """Count the active sessions."""

    def users(self, version: str, limit: int, after: Position | None = None, idle: int = 0) -> list[UserSeen]:
        """Users with an active session on that version, the latest first, each once."""

    def clients(self, after: str, limit: int) -> Clients:
        """Active API clients, and sessions that only a cookie or a token without a version names.

        They are the page after this sid ("": the first).
        A page may have fewer than `limit` rows and still not be the last.
        """

    def outlook(self, version: str, since: int) -> Outlook:
        """What a forecast needs; departures are those since `since`, in whole minutes."""

    def ping(self) -> None:
        """Return if the store can answer."""
