"""Where sessions are kept. Every store is a `Store` and passes the same tests."""

from collections.abc import Callable
from typing import Protocol

from session_api.stores.records import Census, Outlook, Position, Report, Session, UserSeen

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

    def users(self, version: str, limit: int, after: Position | None = None, idle: int = 0) -> list[UserSeen]:
        """Users with an active session on that version, the latest first, each once."""

    def outlook(self, version: str, since: int) -> Outlook:
        """What a forecast needs; departures are those since `since`, in whole minutes."""

    def ping(self) -> None:
        """Return if the store can answer."""
