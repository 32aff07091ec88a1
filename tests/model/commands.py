"""What bgctl's commands write, one write after the other, as their flows in toolkit/release/ have it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from toolkit.errors import Refused
from toolkit.state import document as state
from toolkit.state.document import State

Transition = Callable[[State, datetime], State]

# `drain` notes what it has found empty; what it finds at its deadline goes by way of disable-blue.
ROUTES: dict[str, Transition] = {
    "enable-green": state.enable_green,
    "disable-green": state.disable_green,
    "disable-blue": state.disable_blue,
    "preview": lambda now, at: state.preview(now, at) if now.phase != "draining" else now,
    "drained": lambda now, at: state.drained(now, at) if now.phase == "draining" else now,
    "canary 30": lambda now, at: state.canary(now, 30, at),
    "canary 60": lambda now, at: state.canary(now, 60, at),
}
PROMOTION: list[Transition] = [state.retire_blue, state.blue_on_new, state.retire_green, state.rest]
ROLLBACK: list[Transition] = [state.hold_green, state.back_to_blue, state.rest]
GATES: dict[str, Transition] = {
    "pause": lambda now, at: state.pause(now, at + timedelta(seconds=30), at),
    "resume": lambda now, _: state.resume(now),
    "maintenance on": state.begin_maintenance,
    "maintenance off": lambda now, _: state.end_maintenance(now),
}
ALL: dict[str, Transition] = {
    **GATES,
    **{each.__name__: each for each in (*PROMOTION, *ROLLBACK)},
    "enable-green": state.enable_green,
    "disable-green": state.disable_green,
    "disable-blue": state.disable_blue,
    "preview": state.preview,
    "drained": state.drained,
    "canary": lambda now, at: state.canary(now, 30, at),
    "up-green 1.1": lambda now, at: state.candidate(now, "1.1", at),
    "up-green /": lambda now, at: state.candidate(now, "/", at),
}


@contextmanager
def refusal() -> Iterator[None]:
    """What is refused is refused, and nothing else comes of it."""
    with suppress(Refused):
        yield


def next_of_promotion(now: State) -> Transition | None:
    """The write with which `bgctl promote` begins, or goes on; None: there is nothing to promote."""
    if now.deployment is None or now.phase not in ("draining", "promoting"):
        return None
    blue, green = now.slots.blue, now.slots.green
    if not (blue.state == "ready" and blue.version == now.deployment.new):
        retired = now.phase == "promoting" and now.deployment.step == "retire-blue"
        return state.blue_on_new if retired else state.retire_blue
    return state.retire_green if green.state != "maint" else state.rest


def next_of_rollback(now: State) -> Transition | None:
    if now.deployment is None:
        return None
    if now.phase == "promoting" and now.slots.blue.version == now.deployment.new:
        held = now.slots.blue.state == "maint"
        return state.back_to_blue if held else state.hold_green
    back = now.phase == "candidate" and now.deployment.step == "rollback"
    return state.rest if back else state.back_to_blue


def of_an_older_bgctl(now: State) -> State:
    """What this one reads of a file that the one before wrote."""
    document = json.loads(state.encode(now))
    document.pop("lineage", None)
    return state.decode(json.dumps(document | {"schema": 1}).encode())
