"""Each step of a release, a pause and a maintenance: a function from one state to the next.

A transition that would change nothing returns the very same state; any other has the next generation. One
that is not possible in this state raises Refused, with the command to run instead.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from toolkit.errors import Refused
from toolkit.state import lineage
from toolkit.state.document import (
    SCHEMA,
    Deployment,
    Gate,
    Phase,
    Slot,
    Slots,
    State,
    drain,
    maint,
    ready,
)
from toolkit.state.lineage import Lineage
from toolkit.values import is_version, stamp


def adopt(version: str, now: datetime, after: int = 0) -> State:
    """The first state: the version that runs today is blue. `after`: the last generation a proxy has seen."""
    check_version(version)
    return State(SCHEMA, after + 1, stamp(now), "rest", None, Slots(ready(version), maint(None)))


def candidate(state: State, version: str, now: datetime, unchanged: Sequence[str] = ()) -> State:
    """Green runs and is healthy; no session is sent to it yet. `unchanged`: what it leaves as it is."""
    check_version(version)
    _require(state, ("rest", "candidate", "preview"), "a release is under way", "bgctl rollback")
    blue = serving_version(state, "blue")
    if blue == version:
        raise Refused(
            f"{version} is what blue runs already", "a release needs another version", "bgctl status"
        )
    if state.deployment and state.deployment.new == version:
        return state
    if state.deployment:
        why = "it makes way for another one when it is rolled back"
        raise Refused(f"{state.deployment.new} is the candidate", why, "bgctl rollback")
    deployment = Deployment(
        now.strftime("%Y%m%d-%H%M%S"), blue, version, stamp(now), "candidate", tuple(unchanged)
    )
    return advance(state, now, "candidate", deployment, ready(blue), maint(version))


def preview(state: State, now: datetime) -> State:
    """Green serves its own sessions: those of people who have opened the preview's link.

    In a later phase green serves sessions anyway, and nothing changes.
    """
    release = _release(state)
    if state.phase in ("canary", "draining"):
        return state
    _require(state, ("candidate", "preview"), "everyone gets green already", "bgctl promote")
    return advance(state, now, "preview", _at(release, "preview"), ready(release.old), drain(release.new))


def canary(state: State, percent: int, now: datetime) -> State:
    """Green gets `percent` of the new sessions: 0 takes it out of routing, 100 is enable-green."""
    if percent in (0, 100):
        return enable_green(state, now) if percent else disable_green(state, now)
    release = _routable(state)
    green = ready(release.new, percent)
    return advance(state, now, "canary", _at(release, "canary"), ready(release.old, 100 - percent), green)


def enable_green(state: State, now: datetime) -> State:
    """All new sessions go to green; blue keeps its own."""
    release = _routable(state)
    step = release.step if state.slots.blue.state == "drain" else "drain"
    return advance(state, now, "draining", _at(release, step), drain(release.old), ready(release.new))


def disable_green(state: State, now: datetime) -> State:
    """All sessions are blue's; green stays up as the candidate."""
    release = _routable(state)
    return advance(state, now, "candidate", _at(release, "candidate"), ready(release.old), maint(release.new))


def disable_blue(state: State, now: datetime) -> State:
    """All sessions are green's, those that blue still has too."""
    release = _routable(state)
    return advance(
        state, now, "draining", _at(release, "disable-blue"), maint(release.old), ready(release.new)
    )


def drained(state: State, now: datetime) -> State:
    """Notes that blue has been found empty; routing and the time of the switch stay."""
    release = _release(state)
    _require(state, ("draining",), "nothing is draining", "bgctl route enable-green")
    noted = advance(state, now, state.phase, _at(release, "drained"), state.slots.blue, state.slots.green)
    return noted if noted is state else replace(noted, updated_at=state.updated_at)


def retire_blue(state: State, now: datetime) -> State:
    """Blue is about to be stopped: green serves all sessions."""
    release = _release(state)
    blue = maint(state.slots.blue.version)
    return advance(state, now, "promoting", _at(release, "retire-blue"), blue, ready(release.new))


def hold_green(state: State, now: datetime) -> State:
    """A promotion is taken back: green serves all sessions until blue is on the old version again."""
    release = _release(state)
    blue = maint(state.slots.blue.version)
    return advance(state, now, "promoting", _at(release, "rollback"), blue, ready(release.new))


def going_back(state: State) -> bool:
    """Whether a rollback has begun: then nothing goes forward by itself."""
    return state.deployment is not None and state.deployment.step == "rollback"


def blue_on_new(state: State, now: datetime) -> State:
    """Blue runs the new version too and takes new sessions; green finishes the requests that it has."""
    release = _release(state)
    _require(state, ("promoting",), "blue has not been retired", "bgctl promote")
    return advance(
        state, now, "promoting", _at(release, "serve-blue"), ready(release.new), drain(release.new)
    )


def retire_green(state: State, now: datetime) -> State:
    """The last step before green is stopped at the end of a promotion."""
    release = _release(state)
    _require(state, ("promoting",), "blue does not serve the new version yet", "bgctl promote")
    return advance(
        state, now, "promoting", _at(release, "stop-green"), ready(release.new), maint(release.new)
    )


def back_to_blue(state: State, now: datetime) -> State:
    """Rollback, in one write: blue serves the old version to all sessions again."""
    release = _release(state)
    return advance(state, now, "candidate", _at(release, "rollback"), ready(release.old), maint(release.new))


def rest(state: State, now: datetime) -> State:
    """The release is over: blue keeps its version, and green has none."""
    _require(state, ("candidate", "promoting", "rest"), "both slots are in service", "bgctl status")
    return advance(state, now, "rest", None, ready(serving_version(state, "blue")), maint(None))


def pause(state: State, until: datetime, now: datetime) -> State:
    """New requests wait, at most `until` a time; a pause that is on gets the new time."""
    if state.gate and state.gate.mode == "maintenance":
        raise Refused("maintenance is on", "nobody is there to be held", "bgctl maintenance off")
    since = state.gate.since if state.gate else stamp(now)
    return _gated(state, Gate("pause", since, stamp(until)))


def resume(state: State) -> State:
    """The end of a pause."""
    if state.gate and state.gate.mode == "maintenance":
        raise Refused("maintenance is on", "it is no pause", "bgctl maintenance off")
    return _gated(state, None)


def begin_maintenance(state: State, now: datetime) -> State:
    """New requests get the maintenance page; a pause becomes maintenance."""
    if state.gate and state.gate.mode == "maintenance":
        return state
    return _gated(state, Gate("maintenance", stamp(now)))


def end_maintenance(state: State) -> State:
    if state.gate and state.gate.mode == "pause":
        raise Refused("maintenance is not on", "there is a pause", "bgctl resume")
    return _gated(state, None)


def serving_version(state: State, slot: str) -> str:
    """The version of a slot. Raises Refused where it has none."""
    version = state.slots[slot].version
    if version is None:
        raise Refused(f"{slot} has no version", "it is not part of this release", "bgctl status")
    return version


def check_version(version: str) -> None:
    """Raises Refused for text that is no version."""
    if not is_version(version):
        why = "letters, digits and . _ + -, at most 64, a letter or digit first"
        raise Refused(f"{version!r} is not a version", why, "bgctl up-green VERSION")


def _routable(state: State) -> Deployment:
    release = _release(state)
    _require(
        state,
        ("candidate", "preview", "canary", "draining"),
        "a promotion is under way",
        "bgctl promote, or bgctl rollback",
    )
    return release


def _release(state: State) -> Deployment:
    if state.deployment is None:
        raise Refused("no release is under way", "there is no candidate", "bgctl up-green VERSION")
    return state.deployment


def _require(state: State, phases: tuple[str, ...], why: str, next: str) -> None:
    if state.phase not in phases:
        raise Refused(f"not possible in phase {state.phase}", why, next)


def _at(release: Deployment, step: str) -> Deployment:
    return replace(release, step=step)


def _gated(state: State, gate: Gate | None) -> State:
    """The state with another gate. That is no step of the release, so `updated_at` stays."""
    changed = replace(state, gate=gate)
    return state if changed == state else replace(changed, generation=state.generation + 1)


def advance(
    state: State, now: datetime, phase: Phase, deployment: Deployment | None, blue: Slot, green: Slot
) -> State:
    """The state after a step, with what that does to the lineage."""
    changed = replace(state, phase=phase, deployment=deployment, slots=Slots(blue, green))
    if changed == state:
        return state
    generation = state.generation + 1
    return replace(
        changed,
        generation=generation,
        updated_at=stamp(now),
        lineage=_lineage(state, changed, generation, now),
    )


def _lineage(before: State, after: State, generation: int, now: datetime) -> Lineage:
    """Sessions of a version that is taken out of service go to the version that takes new sessions."""
    heir = _takes_new(after)
    grown = before.lineage
    for version in sorted(_served(before) - _served(after)):
        grown = lineage.extend(grown, version, heir, generation, now)
    return grown


def _served(state: State) -> set[str]:
    return {
        slot.version
        for slot in (state.slots.blue, state.slots.green)
        if slot.version and slot.state != "maint"
    }


def _takes_new(state: State) -> str:
    """The version of the ready slot with the highest weight, blue on a tie."""
    slot = max((state.slots.blue, state.slots.green), key=lambda slot: slot.weight)
    assert slot.version is not None, "a slot with a weight has a version"
    return slot.version
