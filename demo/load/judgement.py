"""Who had to answer? What a session and an open page are entitled to, and the verdict on each answer.

A version binds only while it is being served, both when the request began and when it ended, and one that
answers must be served when it does: `served` is the set of those. So a request under way while its version is
retired is no flip.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

Migrate = Literal["never", "navigation"]
Served = Collection[str]


class Verdict(Enum):
    RIGHT = "by the version that had to"
    MOVED = "by another one, because its own is not served any more"
    MIGRATED = "by another one, at a navigation, as it may"
    FLIPPED = "by another one than it had to"


class Judge(Protocol):
    """Whoever is entitled to answers by a version."""

    version: str | None

    def owner(self, served: Served) -> str | None:
        """The version that has to answer now, None if any may."""

    def judge(self, answered: str, served: Served) -> Verdict: ...


@dataclass(slots=True)
class Session:
    """A log-in or a visitor. `version`: the one that serves it. `signed`: the one in its token, if any.

    `left`: versions from which it migrated; it must not see them again for as long as they are served.
    `views`: pages that it was shown since the version that serves it began to drain.
    """

    version: str | None = None
    signed: str | None = None
    migrated: bool = False
    left: set[str] = field(default_factory=set)
    views: int = 0

    def owner(self, served: Served) -> str | None:
        return next((own for own in self._claims() if own in served), None)

    def judge(self, answered: str, served: Served) -> Verdict:
        """A request that is none of a page, and no navigation that may migrate."""
        return self.decide(answered, served, self.version, may_migrate=False)

    def decide(self, answered: str, served: Served, asked: str | None, *, may_migrate: bool) -> Verdict:
        """`asked`: the version that served it when the request began."""
        self.left.intersection_update(served)
        if self.version is None:
            self.version = answered
        if self.migrated and answered == asked != self.version:
            return Verdict.RIGHT  # asked before another tab's navigation has moved the session
        for own in self._claims():
            if own == answered:
                break
            if own in served:
                may = may_migrate and answered in served and answered not in self.left
                return self._migrate(answered) if may else Verdict.FLIPPED
        if answered == self.version:
            return Verdict.RIGHT
        self.version, self.migrated, self.views = answered, False, 0
        self.left.clear()
        return Verdict.MOVED

    def _claims(self) -> tuple[str | None, ...]:
        """After a migration the pin outranks the token's older version."""
        return (self.version,) if self.migrated else (self.signed, self.version)

    def _migrate(self, to: str) -> Verdict:
        self.left |= {own for own in (self.signed, self.version) if own and own != to}
        self.version, self.migrated = to, True
        return Verdict.MIGRATED


class Navigation:
    """A full-page navigation of `session` that begins now: the only request that may migrate it.

    `migrate()` is asked now and when the answer is there: either allows it.
    """

    def __init__(self, session: Session, migrate: Callable[[], Migrate]) -> None:
        self.session, self._migrate, self._then = session, migrate, migrate()
        self.version = session.version

    def owner(self, served: Served) -> str | None:
        return self.session.owner(served)

    def judge(self, answered: str, served: Served) -> Verdict:
        may = "navigation" in (self._then, self._migrate())
        return self.session.decide(answered, served, self.version, may_migrate=may)


@dataclass(slots=True)
class Page:
    """An open page: all that it loads and asks for comes from the version that served its document."""

    url: str
    version: str | None
    session: Session

    def owner(self, served: Served) -> str | None:
        return self.version if self.version in served else self.session.owner(served)

    def judge(self, answered: str, served: Served) -> Verdict:
        if answered == self.version:
            return Verdict.RIGHT
        if self.version in served and not self._comes_home(answered):
            return Verdict.FLIPPED
        self.version = answered  # its own is gone: it goes on with whoever answers its session
        return self.session.judge(answered, served)

    def _comes_home(self, answered: str) -> bool:
        """Another version than the token's had shown the page, for the token's was not served: now it is."""
        return answered == self.session.signed and not self.session.migrated
