"""Describes the gate: what it does to new requests, and the command that opens it."""

from datetime import datetime

from toolkit.errors import Refused
from toolkit.state.document import Gate
from toolkit.values import moment


def describe(gate: Gate, now: datetime, waiting: int | None = None) -> str:
    """One line about a closed gate. `waiting`: how many requests wait at it; None: not known."""
    if gate.mode == "maintenance":
        return f"maintenance since {gate.since}: everybody gets a page, but for [maintenance] allow"
    if now < moment(gate.until or gate.since):
        wait = "" if waiting is None else f", {waiting} wait"
        return f"paused since {gate.since}: new requests are held until {gate.until}{wait}"
    return f"paused since {gate.since}: since {gate.until} every new request is turned away with a 503"


def opener(gate: Gate) -> str:
    return "bgctl resume" if gate.mode == "pause" else "bgctl maintenance off"


def check_open(gate: Gate | None, now: datetime) -> None:
    """Raises Refused where a command needs requests to reach the app, and the gate keeps them."""
    if gate:
        raise Refused("the gate is closed", describe(gate, now), opener(gate))
