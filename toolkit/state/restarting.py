"""Each step of a restart: the same version again, by way of green. Functions from one state to the next.

A restart is a promotion of a version to itself: phase "promoting", and a deployment from the version to the
same one. The version is served all the time, so no session moves and nothing is added to the lineage.
"""

from datetime import datetime

from msgspec.structs import replace

from toolkit.errors import Refused
from toolkit.state.document import Deployment, State, drain, maint, ready
from toolkit.state.transitions import advance, going_back, serving_version
from toolkit.values import stamp

# What a restart has taken last, in their order; `rollback` stands for one that is taken back.
STEPS = ("serve-green", "retire-blue", "start-blue", "serve-blue", "stop-green")
BACK = "rollback"


def under_way(state: State) -> Deployment | None:
    """The restart that is under way, if there is one."""
    return state.deployment if state.deployment and state.deployment.is_restart else None


def reached(state: State, step: str) -> bool:
    """Whether the restart has taken this step."""
    release = under_way(state)
    return release is not None and release.step in STEPS[STEPS.index(step) :]


def check_none(state: State) -> None:
    """Raises Refused while a restart is under way: a release begins, and goes on, without one."""
    if release := under_way(state):
        why = "a release begins at rest"
        raise Refused(f"{release.new} is being restarted", why, "bgctl restart, or: bgctl rollback")


def check_possible(state: State) -> None:
    """Raises Refused unless a restart can begin, or go on."""
    release = state.deployment
    if release is None:
        return
    if not release.is_restart:
        what = f"{release.new} is being released (phase {state.phase})"
        next = f"bgctl deploy {release.new}, or: bgctl rollback"
        raise Refused(what, "a restart begins at rest", next)
    if going_back(state):
        raise Refused("the restart is being taken back", "that was cut short", "bgctl rollback")


def serve_green(state: State, now: datetime) -> State:
    """Green runs the version with the settings of today and takes new requests; blue finishes its own."""
    check_possible(state)
    version = serving_version(state, "blue")
    begun = under_way(state)
    if begun and begun.step != "serve-green":
        return state
    release = begun or Deployment(now.strftime("%Y%m%d-%H%M%S"), version, version, stamp(now), "serve-green")
    return advance(state, now, "promoting", release, drain(version), ready(version))


def retire_blue(state: State, now: datetime) -> State:
    """Blue is about to be stopped: green serves everybody."""
    release = _release(state)
    return advance(
        state, now, "promoting", _at(release, "retire-blue"), maint(release.new), ready(release.new)
    )


def start_blue(state: State, now: datetime) -> State:
    """Blue with the old settings is gone: what runs as blue from now on has those of today."""
    release = _release(state)
    return advance(
        state, now, "promoting", _at(release, "start-blue"), maint(release.new), ready(release.new)
    )


def serve_blue(state: State, now: datetime) -> State:
    """Blue takes new requests again; green finishes its own."""
    release = _release(state)
    return advance(
        state, now, "promoting", _at(release, "serve-blue"), ready(release.new), drain(release.new)
    )


def keep_blue(state: State, now: datetime) -> State:
    """The restart is taken back: blue takes new requests, as it is; green finishes its own."""
    release = _release(state)
    return advance(state, now, "promoting", _at(release, BACK), ready(release.new), drain(release.new))


def retire_green(state: State, now: datetime) -> State:
    """The last step before green is stopped."""
    release = _release(state)
    step = BACK if going_back(state) else "stop-green"
    return advance(state, now, "promoting", _at(release, step), ready(release.new), maint(release.new))


def _release(state: State) -> Deployment:
    if release := under_way(state):
        return release
    raise Refused("no restart is under way", "there is nothing to go on with", "bgctl restart")


def _at(release: Deployment, step: str) -> Deployment:
    return replace(release, step=step)
