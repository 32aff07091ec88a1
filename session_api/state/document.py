"""state.json, as much of it as the session API reads. bgctl writes it, and the proxy reads it, too."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from session_api.errors import SetupError
from session_api.state.lineage import Handover
from session_api.version_name import VersionName

PREVIEW = "preview"
SCHEMA = 2  # the newest one that is read here; the same number as bgctl writes


class StateError(SetupError):
    """The state file is missing or not valid."""


class Slot(msgspec.Struct, frozen=True):
    """One slot; `version` is None only in maintenance (`maint`)."""

    version: VersionName | None
    state: Literal["ready", "drain", "maint"]
    weight: Annotated[int, msgspec.Meta(ge=0, le=100)]


class Slots(msgspec.Struct, frozen=True):
    """Both slots."""

    blue: Slot
    green: Slot


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """The release under way. `unchanged` are the services that it leaves as they are."""

    id: str
    old: str = msgspec.field(name="from")
    new: str = msgspec.field(name="to")
    started_at: str = msgspec.field(name="startedAt")
    step: str
    unchanged: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ()


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """As much of state.json as matters here; `updated_at` is when the phase or a slot changed last."""

    schema: Literal[1, 2]
    slots: Slots
    generation: int = 0
    phase: str = "rest"
    updated_at: datetime | None = None
    deployment: Deployment | None = None
    lineage: tuple[Handover, ...] = ()


def load(path: Path) -> Document:
    """Read the file, and check that it makes sense as a whole. Raises StateError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}", "bgctl up") from error
    return decode(data, str(path))


def decode(data: bytes, name: str) -> Document:
    """Check a text, which messages call `name`. Raises StateError."""
    try:
        document = msgspec.json.decode(data, type=Document)
    except msgspec.MsgspecError as error:
        raise StateError(f"{name} is not a state file: {error}", "bgctl doctor") from error
    slots = (document.slots.blue, document.slots.green)
    if any(slot.version is None and slot.state != "maint" for slot in slots):
        raise StateError(f"{name} has a slot in service without a version", "bgctl doctor")
    if all(slot.state != "ready" for slot in slots):
        raise StateError(f"{name} has no slot that is ready", "bgctl doctor")
    return document
