"""The names of a project's keys in Redis."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    """The braces put all keys into one slot of a Redis Cluster: a script may not reach beyond."""

    project: str

    @property
    def document(self) -> str:
        return self._named("document")

    @property
    def fence(self) -> str:
        return self._named("fence")

    @property
    def lease(self) -> str:
        return self._named("lease")

    @property
    def taken(self) -> str:
        """The lease that was given out last, until it is given back: it stays where its holder was killed."""
        return self._named("taken")

    @property
    def owners(self) -> str:
        """The marks of the project to which all this belongs."""
        return self._named("owners")

    @property
    def files(self) -> str:
        """With which files the project was changed last, and where."""
        return self._named("files")

    def node(self, name: str) -> str:
        """The report of a node's agent."""
        return self._named(f"node:{name}")

    def wish(self, name: str) -> str:
        """What a node is to do, for its agent."""
        return self._named(f"wish:{name}")

    def _named(self, what: str) -> str:
        return f"bgctl:{{{self.project}}}:{what}"
