"""Judges each answer: which versions had to give it, by what the session and its open page are entitled to.

A session stays on the version on which it was left, while that is served. When its version is taken out of
service it is on the one that took over, and stays there: a version that comes back under the same name does
not get it back, whatever its token says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from .serving import Asked, Place

Migrate = Literal["never", "navigation"]


class Verdict(Enum):
    RIGHT = "by the version that had to"
    MOVED = "by the one that took over, because its own was taken out of service"
    MIGRATED = "by another one, at a navigation, as it may"
    FLIPPED = "by another one than it had to"


class Judge(Protocol):
    """A session or a page: it is entitled to answers by a version."""

    @property
    def version(self) -> str | None:
        """The version that answered last."""

    def owner(self, asked: Asked) -> str | None:
        """The version that has to answer now, None if any may."""

    def judge(self, answered: str, asked: Asked) -> Verdict: ...


@dataclass(slots=True)
class Session:
    """A log-in or a visitor. `place`: where it was left; None: nobody has answered it yet.

    `signed`: the version in its token, if it has one. `left`: versions from which it migrated; it must not
    see them again for as long as they are served. `views`: pages that it was shown since the version that
    serves it began to drain.
    """

    place: Place | None = None
    signed: str | None = None
    migrated: bool = False
    left: set[str] = field(default_factory=set)
    views: int = 0

    @property
    def version(self) -> str | None:
        return self.place.version if self.place else None

    def owner(self, asked: Asked) -> str | None:
        return next(asked.places(self.place)).version if self.place else None

    def judge(self, answered: str, asked: Asked) -> Verdict:
        """Judge a request that no open page sends, and that is no navigation."""
        return self.decide(answered, asked, self.version, may_migrate=False)

    def decide(self, answered: str, asked: Asked, then: str | None, *, may_migrate: bool) -> Verdict:
        """`then`: the version that served it when the request began."""
        self.left.intersection_update(asked.serving.answering)
        if not asked.may_answer(answered):
            return Verdict.FLIPPED
        if self.place is None:
            self.place = asked.found(answered)
        if self.migrated and answered == then != self.version:
            return Verdict.RIGHT  # asked before another tab's navigation has moved the session
        for place in asked.places(self.place):
            if place.version == answered:
                return self._is_at(place)
        may = may_migrate and answered in asked.serving.versions and answered not in self.left
        return self._migrate(asked.found(answered)) if may else Verdict.FLIPPED

    def _is_at(self, place: Place) -> Verdict:
        stayed = place.version == self.version
        self.place = place
        if stayed:
            return Verdict.RIGHT
        self.migrated, self.views = False, 0
        self.left.clear()
        return Verdict.MOVED

    def _migrate(self, to: Place) -> Verdict:
        assert self.place
        self.left.add(self.place.version)
        self.place, self.migrated = to, True
        return Verdict.MIGRATED


class Navigation:
    """A full-page navigation of `session` that begins now: the only request that may migrate it.

    `migrate()` is asked now and when the answer is there: either allows it.
    """

    def __init__(self, session: Session, migrate: Callable[[], Migrate]) -> None:
        self.session, self._migrate, self._then = session, migrate, migrate()
        self.version = session.version

    def owner(self, asked: Asked) -> str | None:
        return self.session.owner(asked)

    def judge(self, answered: str, asked: Asked) -> Verdict:
        may = "navigation" in (self._then, self._migrate())
        return self.session.decide(answered, asked, self.version, may_migrate=may)


@dataclass(slots=True)
class Page:
    """An open page: all that it loads and asks for comes from the version that served its document."""

    url: str
    place: Place | None
    session: Session
    document: Place | None = field(init=False)

    def __post_init__(self) -> None:
        self.document = self.place

    @property
    def version(self) -> str | None:
        return self.place.version if self.place else None

    def owner(self, asked: Asked) -> str | None:
        own = self._own(asked)
        return own[0].version if own and own[0].version == self.version else self.session.owner(asked)

    def judge(self, answered: str, asked: Asked) -> Verdict:
        own = self._own(asked)
        if answered == self.version and any(place.version == answered for place in own):
            return Verdict.RIGHT
        if own and all(place.version == self.version for place in own):
            return Verdict.FLIPPED
        verdict = self.session.judge(
            answered, asked
        )  # its version is gone: the page goes on with the version that has its session
        if verdict is not Verdict.FLIPPED:
            self.place = self.session.place
        return verdict

    def _own(self, asked: Asked) -> list[Place]:
        """The versions that may answer this page, the latest first."""
        return list(asked.places(self.place)) if self.place else []
