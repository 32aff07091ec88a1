"""What bgctl's commands write, one write after the other, as their flows in toolkit/release/ have it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from toolkit.errors import Refused
from toolkit.state import document, restarting, transitions
from toolkit.state.document import State

Transition = Callable[[State, datetime], State]

# `drain` notes what it has found empty; what it finds at its deadline goes by way of disable-blue.
ROUTES: dict[str, Transition] = {
    "enable-green": transitions.enable_green,
    "disable-green": transitions.disable_green,
    "disable-blue": transitions.disable_blue,
    "preview": lambda now, at: transitions.preview(now, at) if now.phase != "draining" else now,
    "drained": lambda now, at: transitions.drained(now, at) if now.phase == "draining" else now,
    "canary 30": lambda now, at: transitions.canary(now, 30, at),
    "canary 60": lambda now, at: transitions.canary(now, 60, at),
}
PROMOTION: list[Transition] = [
    transitions.retire_blue,
    transitions.blue_on_new,
    transitions.retire_green,
    transitions.rest,
]
ROLLBACK: list[Transition] = [transitions.hold_green, transitions.back_to_blue, transitions.rest]
RESTART: list[Transition] = [
    restarting.serve_green,
    restarting.retire_blue,
    restarting.start_blue,
    restarting.serve_blue,
    restarting.retire_green,
    transitions.rest,
]
RESTART_BACK: list[Transition] = [restarting.keep_blue, restarting.retire_green, transitions.rest]
GATES: dict[str, Transition] = {
    "pause": lambda now, at: transitions.pause(now, at + timedelta(seconds=30), at),
    "resume": lambda now, _: transitions.resume(now),
    "maintenance on": transitions.begin_maintenance,
    "maintenance off": lambda now, _: transitions.end_maintenance(now),
}
ALL: dict[str, Transition] = {
    **GATES,
    **{each.__name__: each for each in (*PROMOTION, *ROLLBACK)},
    **{f"restart: {each.__name__}": each for each in (*RESTART, *RESTART_BACK)},
    "enable-green": transitions.enable_green,
    "disable-green": transitions.disable_green,
    "disable-blue": transitions.disable_blue,
    "preview": transitions.preview,
    "drained": transitions.drained,
    "canary": lambda now, at: transitions.canary(now, 30, at),
    "up-green 1.1": lambda now, at: transitions.candidate(now, "1.1", at),
    "up-green /": lambda now, at: transitions.candidate(now, "/", at),
}


@contextmanager
def refusal() -> Iterator[None]:
    """What is refused is refused, and nothing else comes of it."""
    with suppress(Refused):
        yield


def next_of_promotion(now: State) -> Transition | None:
    """The write with which `bgctl promote` begins, or goes on; None: there is nothing to promote."""
    if now.deployment is None or now.deployment.is_restart or now.phase not in ("draining", "promoting"):
        return None
    blue, green = now.slots.blue, now.slots.green
    if not (blue.state == "ready" and blue.version == now.deployment.new):
        retired = now.phase == "promoting" and now.deployment.step == "retire-blue"
        return transitions.blue_on_new if retired else transitions.retire_blue
    return transitions.retire_green if green.state != "maint" else transitions.rest


def next_of_rollback(now: State) -> Transition | None:
    if now.deployment is None:
        return None
    if now.deployment.is_restart:
        return _next_back(now)
    if now.phase == "promoting" and now.slots.blue.version == now.deployment.new:
        held = now.slots.blue.state == "maint"
        return transitions.back_to_blue if held else transitions.hold_green
    back = now.phase == "candidate" and now.deployment.step == "rollback"
    return transitions.rest if back else transitions.back_to_blue


def next_of_restart(now: State) -> Transition | None:
    """The write with which `bgctl restart` goes on; None: none is under way, or it is being taken back."""
    release = restarting.under_way(now)
    if release is None or release.step not in restarting.STEPS:
        return None
    return RESTART[restarting.STEPS.index(release.step) + 1]


def _next_back(now: State) -> Transition:
    assert now.deployment is not None
    kept = now.deployment.step == restarting.BACK or now.slots.green.state == "maint"
    if not kept:
        return restarting.keep_blue
    return restarting.retire_green if now.slots.green.state != "maint" else transitions.rest


def of_an_older_bgctl(now: State) -> State:
    """What this one reads of a file that the one before wrote."""
    older = json.loads(document.encode(now))
    older.pop("lineage", None)
    return document.decode(json.dumps(older | {"schema": 1}).encode())
