"""state.json as values: its fields, and what is valid in it.

bgctl alone writes this document. Two others read it, and have its schema a second and a third time: the
session API (session_api/version.py) and the proxy (lua/bg/routing/routing_table.lua).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from toolkit.state import lineage
from toolkit.state.lineage import Lineage, Version
from toolkit.values import SLOTS, is_stamp

Phase = Literal["rest", "candidate", "preview", "canary", "draining", "promoting"]
SCHEMA: Literal[2] = 2


class Slot(Struct, frozen=True, forbid_unknown_fields=True):
    """`version` is null only in maint; `weight` is the share of new sessions, 0 unless ready."""

    version: Version | None
    state: Literal["ready", "drain", "maint"]
    weight: Annotated[int, Meta(ge=0, le=100)]


class Slots(Struct, frozen=True, forbid_unknown_fields=True):
    """Both slots, also by name: `slots["blue"]`."""

    blue: Slot
    green: Slot

    def __getitem__(self, name: str) -> Slot:
        return self.blue if name == "blue" else self.green


class Deployment(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The release that is under way, or a restart, of a version in place of itself. `step`: its last one.

    `unchanged` are the services that it leaves as they are: of these there are blue's containers only, and
    both versions have them.
    """

    id: str
    old: Version = field(name="from")
    new: Version = field(name="to")
    started_at: str = field(name="startedAt")
    step: str
    unchanged: Annotated[tuple[str, ...], Meta(min_length=1)] = ()

    @property
    def is_restart(self) -> bool:
        return self.old == self.new


class Gate(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A closed gate. A pause lets new requests wait `until` a time, and turns them away after it."""

    mode: Literal["pause", "maintenance"]
    since: str
    until: str | None = None


class State(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that routing needs. Without a `gate`, all requests pass.

    `updated_at` is the stamp of the release's last step; while it drains, of the switch. `lineage` says which
    versions have the sessions of versions that are not served any more, the oldest entry first.
    """

    schema: Literal[1, 2]
    generation: Annotated[int, Meta(ge=1)]
    updated_at: str = field(name="updatedAt")
    phase: Phase
    deployment: Deployment | None
    slots: Slots
    gate: Gate | None = None
    lineage: Lineage = ()


class _Said(Struct, frozen=True):
    schema: int = 0


def decode(data: bytes) -> State:
    """Raises ValueError saying what is wrong. Schema 1, which had no lineage, is read as an empty one."""
    state = replace(msgspec.json.decode(data, type=State), schema=SCHEMA)
    if problem := problem_of(state):
        raise ValueError(problem)
    return state


def schema_of(data: bytes) -> int:
    """The schema that a text says it has, whether that can be read here or not; 0: it says none."""
    try:
        return msgspec.json.decode(data, type=_Said).schema
    except ValueError:
        return 0


def encode(state: State) -> bytes:
    return msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"


def problem_of(state: State) -> str | None:
    """Why the proxy and the session API would refuse this state; None: they would not."""
    slots = {name: state.slots[name] for name in SLOTS}
    for name, slot in slots.items():
        if slot.version is None and slot.state != "maint":
            return f"{name} is {slot.state} without a version"
        if slot.weight and slot.state != "ready":
            return f"{name} is {slot.state} with a weight"
    if not any(slot.state == "ready" and slot.weight for slot in slots.values()):
        return "no slot takes new sessions"
    if (state.phase == "rest") != (state.deployment is None):
        return f"phase {state.phase} and deployment do not go together"
    if state.gate and (state.gate.mode == "pause") != is_stamp(state.gate.until):
        return f"gate {state.gate.mode} until {state.gate.until} is not possible"
    return lineage.problem_of(state.lineage, state.generation)


def ready(version: str, weight: int = 100) -> Slot:
    return Slot(version, "ready", weight)


def drain(version: str) -> Slot:
    return Slot(version, "drain", 0)


def maint(version: str | None) -> Slot:
    return Slot(version, "maint", 0)
