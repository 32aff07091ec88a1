"""The steps of a restart as values: one version is served all the time, and nobody moves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from toolkit.errors import Refused
from toolkit.state import document, restarting, transitions
from toolkit.state.document import Slot, State, drain, maint, ready

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
V = "1.6.7"
REST = replace(transitions.adopt(V, NOW), generation=41)
JOINED = restarting.serve_green(REST, NOW)
RETIRED = restarting.retire_blue(JOINED, NOW)
STOPPED = restarting.start_blue(RETIRED, NOW)
BACK_ON_BLUE = restarting.serve_blue(STOPPED, NOW)
GREEN_OUT = restarting.retire_green(BACK_ON_BLUE, NOW)
DONE = transitions.rest(GREEN_OUT, LATER)
EVERY = [JOINED, RETIRED, STOPPED, BACK_ON_BLUE, GREEN_OUT]
TAKEN_BACK = restarting.keep_blue(JOINED, NOW)
TRANSITIONS: list[Callable[[State, datetime], State]] = [
    restarting.retire_blue,
    restarting.start_blue,
    restarting.serve_blue,
    restarting.keep_blue,
    restarting.retire_green,
]


@pytest.mark.parametrize(
    ("at", "step", "blue", "green"),
    [
        (JOINED, "serve-green", drain(V), ready(V)),
        (RETIRED, "retire-blue", maint(V), ready(V)),
        (STOPPED, "start-blue", maint(V), ready(V)),
        (BACK_ON_BLUE, "serve-blue", ready(V), drain(V)),
        (GREEN_OUT, "stop-green", ready(V), maint(V)),
        (TAKEN_BACK, "rollback", ready(V), drain(V)),
        (restarting.retire_green(TAKEN_BACK, NOW), "rollback", ready(V), maint(V)),
    ],
)
def test_the_table(at: State, step: str, blue: Slot, green: Slot) -> None:
    assert at.phase == "promoting"
    assert at.deployment and (at.deployment.step, at.deployment.old, at.deployment.new) == (step, V, V)
    assert (at.slots.blue, at.slots.green) == (blue, green)
    assert document.decode(document.encode(at)) == at


def test_nobody_moves_and_in_the_end_it_is_as_it_was() -> None:
    assert [each.generation for each in (*EVERY, DONE)] == [42, 43, 44, 45, 46, 47]
    assert not any(each.lineage for each in (*EVERY, DONE))
    assert (DONE.phase, DONE.deployment, DONE.slots) == (REST.phase, None, REST.slots)


def test_a_step_that_is_taken_changes_nothing() -> None:
    assert restarting.serve_green(JOINED, LATER) is JOINED
    assert restarting.serve_green(STOPPED, LATER) is STOPPED
    assert restarting.retire_blue(RETIRED, LATER) is RETIRED
    assert restarting.retire_green(GREEN_OUT, LATER) is GREEN_OUT


def test_which_steps_are_behind_it() -> None:
    taken = [[restarting.reached(each, step) for step in restarting.STEPS] for each in EVERY]
    assert taken == [[place >= number for number in range(5)] for place in range(5)]
    assert not restarting.reached(REST, "serve-green")
    assert not restarting.reached(TAKEN_BACK, "serve-blue"), "blue may have what it had before"


def test_a_closed_gate_stays_closed() -> None:
    paused = transitions.begin_maintenance(REST, NOW)
    assert restarting.serve_green(paused, NOW).gate == paused.gate


@pytest.mark.parametrize("change", TRANSITIONS)
def test_without_a_restart_there_is_no_step_of_one(change: Callable[[State, datetime], State]) -> None:
    release = transitions.candidate(REST, "1.6.8", NOW)
    for state in (REST, release):
        with pytest.raises(Refused, match="no restart is under way"):
            change(state, NOW)


def test_what_cannot_be_at_the_same_time_is_refused() -> None:
    release = transitions.candidate(REST, "1.6.8", NOW)
    with pytest.raises(Refused, match=r"1\.6\.8 is being released") as caught:
        restarting.serve_green(release, NOW)
    assert caught.value.next == "bgctl deploy 1.6.8, or: bgctl rollback"
    with pytest.raises(Refused, match="is being taken back") as caught:
        restarting.serve_green(TAKEN_BACK, NOW)
    assert caught.value.next == "bgctl rollback"
    for state in EVERY:
        with pytest.raises(Refused, match=r"1\.6\.7 is being restarted"):
            restarting.check_none(state)
        with pytest.raises(Refused):
            transitions.candidate(state, "1.6.8", NOW)
        with pytest.raises(Refused):
            transitions.enable_green(state, NOW)
    restarting.check_none(REST)
    restarting.check_none(release)
