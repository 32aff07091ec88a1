"""Which versions are served, and where the sessions of a version went when it was taken out of service.

The caller of the load tells it, from what it does. What bgctl itself notes of that is never asked: it is what
is being tested.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """The version that last answered a session or page, and how many ends there had been by then (`seen`)."""

    version: str
    seen: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """`version` was taken out of service, and version `heir` took over its sessions."""

    version: str
    heir: str


class Serving:
    """The versions that are served now, and every end so far, of which the first `settled` are in force.

    An end is told before the command that brings it about. Until it is settled, either version may answer.
    """

    def __init__(self, versions: Collection[str] = ()) -> None:
        self.versions = frozenset(versions)
        self.ends: list[End] = []
        self.settled = 0

    def change(self, versions: Collection[str]) -> None:
        """Tells that `versions` are served from now on, and settles what was told before.

        Raises ValueError if a version goes and it is not plain which one takes over.
        """
        now = frozenset(versions)
        gone = sorted(self.versions - now)
        if gone and len(now) != 1:
            raise ValueError(
                f"{', '.join(gone)} ends, and who takes over? {', '.join(sorted(now)) or 'nobody'}"
            )
        self.settle()
        self.ends += [End(version, *now) for version in gone]
        self.versions = now

    def settle(self) -> None:
        """Tells that the command has returned: a version that has ended must not answer a new request."""
        self.settled = len(self.ends)

    def asks(self) -> Asked:
        """A request that begins now."""
        return Asked(self, self.settled, self.answering)

    @property
    def answering(self) -> frozenset[str]:
        """The versions that may answer: those that are served, and those whose end is not settled yet."""
        return self.versions.union(end.version for end in self.ends[self.settled :])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as of its beginning: `settled` ends were in force, and `answering` might answer."""

    serving: Serving
    settled: int
    answering: frozenset[str]

    def may_answer(self, version: str) -> bool:
        """Whether `version` has been in service at any time since the request began."""
        return version in self.answering or version in self.serving.answering

    def lasts(self, place: Place) -> bool:
        """Whether the version of `place` has not ended since."""
        return all(later.version == place.version for later in self._places(place))

    def found(self, version: str) -> Place:
        """The place of a newcomer that `version` has answered."""
        ends = self.serving.ends
        ended = [number for number, end in enumerate(ends) if end.version == version]
        return Place(version, ended[-1] if ended and version not in self.serving.versions else len(ends))

    def places(self, place: Place) -> Iterator[Place]:
        """Where a session or page that was at `place` may be by rights, the latest place first."""
        return reversed(list(self._places(place)))

    def _places(self, place: Place) -> Iterator[Place]:
        version, ends = place.version, self.serving.ends
        for seen in range(place.seen, len(ends) + 1):
            if seen > place.seen and ends[seen - 1].version == version:
                version = ends[seen - 1].heir
            if seen >= self.settled:
                yield Place(version, seen)
