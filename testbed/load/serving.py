"""Knows which versions are served, and where the sessions of a version went when it was taken out of service.

The story says so, from what it does; what the product keeps of it for itself is never asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """The version that answered a session last, and how many ends (`seen`) there had been by then."""

    version: str
    seen: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """A version was taken out of service, and `heir` took over its sessions."""

    version: str
    heir: str


class Serving:
    """The versions that are served now, and every end so far.

    An end is told before the command that brings it about, so until it is settled either version may answer.
    """

    def __init__(self, versions: Collection[str] = ()) -> None:
        self.versions = frozenset(versions)
        self.ends: list[End] = []
        self.settled = 0

    def change(self, versions: Collection[str]) -> None:
        """`versions` are served from now on; every earlier change is settled.

        Raise ValueError when some version goes and nobody can tell who takes over.
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
        """The command has returned: a version that has ended must answer no new request."""
        self.settled = len(self.ends)

    def asks(self) -> Asked:
        """What may answer a request that begins now."""
        return Asked(self, self.settled, self.answering)

    @property
    def answering(self) -> frozenset[str]:
        """The versions that are served, and those whose end is not settled yet."""
        return self.versions.union(end.version for end in self.ends[self.settled :])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, from when it began: `settled` ends were in force, and `answering` could answer it."""

    serving: Serving
    settled: int
    answering: frozenset[str]

    def may_answer(self, version: str) -> bool:
        """Whether that version has been in service at some time since."""
        return version in self.answering or version in self.serving.answering

    def lasts(self, place: Place) -> bool:
        """Whether the version has had no end since it answered at that place."""
        return all(later.version == place.version for later in self._places(place))

    def found(self, version: str) -> Place:
        """The place of a newcomer that `version` has answered."""
        ends = self.serving.ends
        ended = [number for number, end in enumerate(ends) if end.version == version]
        return Place(version, ended[-1] if ended and version not in self.serving.versions else len(ends))

    def places(self, place: Place) -> Iterator[Place]:
        """The versions that may answer a session that was at `place`, the latest first."""
        return reversed(list(self._places(place)))

    def _places(self, place: Place) -> Iterator[Place]:
        version, ends = place.version, self.serving.ends
        for seen in range(place.seen, len(ends) + 1):
            if seen > place.seen and ends[seen - 1].version == version:
                version = ends[seen - 1].heir
            if seen >= self.settled:
                yield Place(version, seen)
