"""Where sessions are kept. Every store is a `Store` and passes the same tests."""

from dataclasses import dataclass
from typing import Protocol


class StoreError(Exception):
    """The store cannot answer, so nothing is known: least of all that a count is 0."""


class StoreBusyError(StoreError):
    """The store is in use for too long; trying again soon makes sense."""


@dataclass(frozen=True)
class Session:
    """One log-in. Times are whole Unix seconds by the store's clock, `expires_at` that of its last token."""

    sid: str
    user_id: str
    email: str | None
    version: str
    created_at: int
    last_activity: int
    expires_at: int


@dataclass(frozen=True)
class VersionCount:
    """The active sessions of one version, and how many users they belong to."""

    sessions: int
    users: int
    last_activity: int


@dataclass(frozen=True)
class Census:
    """Who is active: users are counted once, however many sessions they have."""

    users: int
    versions: dict[str, VersionCount]


class Store(Protocol):
    """A session is active until it is ended, expires, or was idle too long. All methods raise StoreError.

    A store that lost its data fills again: a session it has not seen, but whose verified token is at hand, is
    taken over from that token. What it has seen end stays ended for as long as any token of it verifies.
    """

    def now(self) -> int:
        """The store's clock, which decides: hosts may disagree."""

    def add(self, session: Session) -> None:
        """Keep a new session. It is durable when this returns."""

    def find(self, session: Session) -> Session | None:
        """The session as it is kept; None if it is no longer active."""

    def resume(self, session: Session) -> Session | None:
        """Mark activity and extend the life to `expires_at`; None if the session is no longer active."""

    def end(self, session: Session) -> bool:
        """End a session. True for the one call that ended it, among any number and from any host."""

    def census(self) -> Census:
        """Count the active sessions."""

    def users_elsewhere(self, version: str, limit: int) -> list[tuple[str | None, int]]:
        """(email, last activity) of users with an active session on another version, the latest first."""

    def ping(self) -> None:
        """Return if the store can answer."""
