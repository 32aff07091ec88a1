"""Judges each answer: which version had to give it, by what a session and an open page have a right to.

A session stays on its version for as long as that is served. When the version is taken out of service, the
session goes to the version that takes over, and stays there: a version that comes back under the old name
does not get the session back, whatever its token says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from .serving import Asked, Place

Migrate = Literal["never", "navigation"]


class Verdict(Enum):
    """An answer was given …"""

    RIGHT = "by the version that had to"
    MOVED = "by the one that took over, because its own was taken out of service"
    MIGRATED = "by another one, at a navigation, as it may"
    FLIPPED = "by another one than it had to"


class Judge(Protocol):
    """What has a right to answers by one version: a session, a navigation, or a page."""

    @property
    def version(self) -> str | None:
        """The version that answered last."""

    def owner(self, asked: Asked) -> str | None:
        """The version that has to answer now; None: any may."""

    def judge(self, answered: str, asked: Asked) -> Verdict:
        """The verdict on an answer by version `answered` to request `asked`."""
        ...


@dataclass(slots=True)
class Session:
    """The session of a user or a visitor.

    `place` is where its last answer left it; None: it has had no answer yet. `signed` is the version in its
    token, if it has one. `left` are the versions from which it has migrated: for as long as they are served,
    it must not see them again. `views` is the number of pages that it was shown since its version began to
    drain.
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
        """The verdict on an answer to a request that no page has made and that must not migrate."""
        return self.decide(answered, asked, self.version, may_migrate=False)

    def decide(self, answered: str, asked: Asked, then: str | None, *, may_migrate: bool) -> Verdict:
        """The verdict; `then` is the version that served the session when the request began."""
        self.left.intersection_update(asked.serving.answering)
        if not asked.may_answer(answered):
            return Verdict.FLIPPED
        if self.place is None:
            self.place = asked.found(answered)
        if self.migrated and answered == then != self.version:
            return Verdict.RIGHT  # Since it was asked, a navigation in another tab has moved the session.
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
    """A navigation of `session` to a whole page, which begins now: no other request may migrate the session.

    `migrate` is called now and when the answer has come: it is enough if one of the two allows it.
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
    """An open page: all that it loads and asks for has to come from the version that served its document."""

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
        # The page's version is gone: the page goes on with the version that has its session.
        verdict = self.session.judge(answered, asked)
        if verdict is not Verdict.FLIPPED:
            self.place = self.session.place
        return verdict

    def _own(self, asked: Asked) -> list[Place]:
        """The places where the page may be by rights, the latest first."""
        return list(asked.places(self.place)) if self.place else []
