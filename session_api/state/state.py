"""The routing as state.json says it: which version new sessions get, and which one has a session by now."""

import re
from pathlib import Path
from typing import NamedTuple

from session_api.errors import SetupError
from session_api.files.watched import Watched
from session_api.state.document import PREVIEW, Document, Slot, load
from session_api.state.lineage import follow
from session_api.version_name import PATTERN


class Place(NamedTuple):
    """The version that has a session, and the generation of the state that says so, if that is known."""

    version: str
    generation: int | None


class Draining(NamedTuple):
    """The version that gets no new session, and since when (Unix seconds) if that is known."""

    version: str
    since: int | None


class State:
    """What state.json says now; while the newest file is bad, what the last good one said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._document = Watched([path], lambda: load(path))

    def document(self) -> Document:
        """The whole of it. Raises StateError."""
        return self._document.get()

    def current_version(self) -> str:
        """The version of the ready slot with the highest weight, blue on a tie. Raises StateError."""
        ready = [slot for slot in self._slots() if slot.state == "ready"]
        return str(max(ready, key=lambda slot: slot.weight).version)

    def served_versions(self) -> set[str]:
        """Every version that a slot serves. Raises StateError."""
        return {slot.version for slot in self._slots() if slot.version and slot.state != "maint"}

    def current_place(self) -> Place:
        """Where new sessions go. Raises StateError."""
        return Place(self.current_version(), self._document.get().generation)

    def place(self, version: str, generation: int | None, issued_at: int = 0) -> Place:
        """Where a session is by now whose token says `version`; where new ones go if that is not known.

        `generation` and `issued_at`: see `lineage.follow`. A generation newer than this state comes from a
        proxy that has read a newer file, or has a session of one that has: it is believed. Raises StateError.
        """
        document = self._document.get()
        if self.is_behind(generation) and re.search(PATTERN, version):
            return Place(version, generation)
        served = self.served_versions()
        version = follow(document.lineage, served, version, generation, issued_at)
        return Place(version, document.generation) if version in served else self.current_place()

    def is_behind(self, generation: int | None) -> bool:
        """Whether there is a newer state than this one, with that generation. Raises StateError."""
        return generation is not None and generation > self._document.get().generation

    def routed_place(self, version: str, generation: int | None) -> Place:
        """Where a session is that a proxy has just sent to `version`. Raises StateError.

        Who passes on the version alone means it as it is now: it may have been out of service before.
        """
        return self.place(version, self._document.get().generation if generation is None else generation)

    def takes_new(self, version: str) -> bool:
        """Whether new sessions may get this version; a preview has no update, either. Raises StateError."""
        document = self._document.get()
        if document.phase == PREVIEW and version == document.slots.green.version:
            return True
        return any(slot.version == version and slot.state == "ready" for slot in self._slots())

    def draining(self) -> Draining | None:
        """The version that only keeps its own sessions, if there is one. Raises StateError."""
        document = self._document.get()
        if document.phase == PREVIEW:  # green keeps its own, but they are to stay
            return None
        drained = {slot.version for slot in self._slots() if slot.version and slot.state == "drain"}
        drained.discard(self.current_version())
        if not drained:
            return None
        since = document.updated_at if document.phase == "draining" else None
        return Draining(drained.pop(), int(since.timestamp()) if since else None)

    def is_new(self) -> bool:
        """Whether this project has never changed its routing, as far as can be told."""
        try:
            return self._document.get().generation == 1
        except SetupError:
            return False

    @property
    def error(self) -> SetupError | None:
        """Why the newest file is not the one in use; None when it is. Raises StateError if none ever was."""
        self._document.get()
        return self._document.error

    def _slots(self) -> tuple[Slot, Slot]:
        slots = self._document.get().slots
        return slots.blue, slots.green
