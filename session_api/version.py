"""The version that new sessions get, read from the state file that bgctl writes."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from session_api.errors import SetupError
from session_api.lineage import Entry, follow
from session_api.names import PATTERN, VersionName
from session_api.watched import Watched

PREVIEW = "preview"


class StateError(SetupError):
    """The state file is missing or not valid."""


class Slot(msgspec.Struct, frozen=True):
    """Half of the stack; `version` is None only in maintenance."""

    version: VersionName | None
    state: Literal["ready", "drain", "maint"]
    weight: Annotated[int, msgspec.Meta(ge=0, le=100)]


class Slots(msgspec.Struct, frozen=True):
    """Both halves."""

    blue: Slot
    green: Slot


class Deployment(msgspec.Struct, frozen=True):
    """The release under way."""

    id: str
    old: str = msgspec.field(name="from")
    new: str = msgspec.field(name="to")
    started_at: str = msgspec.field(name="startedAt")
    step: str


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """As much of state.json as matters here; `updated_at` is when the phase or a slot changed last."""

    schema: Literal[1, 2]
    slots: Slots
    generation: int = 0
    phase: str = "rest"
    updated_at: datetime | None = None
    deployment: Deployment | None = None
    lineage: tuple[Entry, ...] = ()


class Place(NamedTuple):
    """The version that has a session, and the generation of the state that says so, if that is known."""

    version: str
    generation: int | None


class Draining(NamedTuple):
    """The version that nobody new gets, and since when (Unix seconds) if that is known."""

    version: str
    since: int | None


class State:
    """What state.json says now; the last good reading while the newest is bad."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._document = Watched([path], lambda: _load(path))

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
        """Where a session is by now that was given `version`; where new ones go if that is not known.

        `generation` and `issued_at`: see `lineage.follow`. A proxy may know a newer state than this one: then
        it is believed. Raises StateError.
        """
        document = self._document.get()
        if generation is not None and generation > document.generation and re.search(PATTERN, version):
            return Place(version, generation)
        served = self.served_versions()
        version = follow(document.lineage, served, version, generation, issued_at)
        return Place(version, document.generation) if version in served else self.current_place()

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


def _load(path: Path) -> Document:
    try:
        document = msgspec.json.decode(path.read_bytes(), type=Document)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}", "bgctl up") from error
    except msgspec.MsgspecError as error:
        raise StateError(f"{path} is not a state file: {error}", "bgctl doctor") from error
    slots = (document.slots.blue, document.slots.green)
    if any(slot.version is None and slot.state != "maint" for slot in slots):
        raise StateError(f"{path} has a slot in service without a version", "bgctl doctor")
    if all(slot.state != "ready" for slot in slots):
        raise StateError(f"{path} has no slot that is ready", "bgctl doctor")
    return document
