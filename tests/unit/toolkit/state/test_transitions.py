"""The steps of a release as values: the design's table, refusals, and what holds in any order of calls."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from toolkit.errors import Refused
from toolkit.state import document as state
from toolkit.state.document import State, drain, maint, ready

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
OLD, NEW = "1.6.7", "1.6.8"
REST = state.adopt(OLD, NOW)
CANDIDATE = state.candidate(REST, NEW, NOW)
PREVIEW = state.preview(CANDIDATE, NOW)
CANARY = state.canary(CANDIDATE, 10, NOW)
DRAINING = state.enable_green(CANDIDATE, NOW)
GIVEN_UP = state.disable_blue(DRAINING, NOW)
RETIRED = state.retire_blue(DRAINING, NOW)
TAKEN_OVER = state.blue_on_new(RETIRED, NOW)
GREEN_OUT = state.retire_green(TAKEN_OVER, NOW)
PROMOTED = state.rest(GREEN_OUT, NOW)
BACK = state.back_to_blue(DRAINING, NOW)
LATER = NOW + timedelta(seconds=30)
PAUSED = state.pause(DRAINING, LATER, NOW)
MAINTAINED = state.begin_maintenance(CANARY, NOW)
EVERY = [
    PAUSED,
    MAINTAINED,
    REST,
    CANDIDATE,
    PREVIEW,
    CANARY,
    DRAINING,
    GIVEN_UP,
    RETIRED,
    TAKEN_OVER,
    GREEN_OUT,
    PROMOTED,
    BACK,
]


@pytest.mark.parametrize(
    ("at", "phase", "blue", "green"),
    [
        (REST, "rest", ready(OLD), maint(None)),
        (CANDIDATE, "candidate", ready(OLD), maint(NEW)),
        (PREVIEW, "preview", ready(OLD), drain(NEW)),
        (state.canary(PREVIEW, 10, NOW), "canary", ready(OLD, 90), ready(NEW, 10)),
        (state.enable_green(PREVIEW, NOW), "draining", drain(OLD), ready(NEW)),
        (state.disable_green(PREVIEW, NOW), "candidate", ready(OLD), maint(NEW)),
        (state.back_to_blue(PREVIEW, NOW), "candidate", ready(OLD), maint(NEW)),
        (CANARY, "canary", ready(OLD, 90), ready(NEW, 10)),
        (DRAINING, "draining", drain(OLD), ready(NEW)),
        (GIVEN_UP, "draining", maint(OLD), ready(NEW)),
        (RETIRED, "promoting", maint(OLD), ready(NEW)),
        (TAKEN_OVER, "promoting", ready(NEW), drain(NEW)),
        (GREEN_OUT, "promoting", ready(NEW), maint(NEW)),
        (PROMOTED, "rest", ready(NEW), maint(None)),
        (BACK, "candidate", ready(OLD), maint(NEW)),
        (state.rest(BACK, NOW), "rest", ready(OLD), maint(None)),
        (state.disable_green(DRAINING, NOW), "candidate", ready(OLD), maint(NEW)),
    ],
)
def test_each_step_is_as_the_design_says(at: State, phase: str, blue: state.Slot, green: state.Slot) -> None:
    assert (at.phase, at.slots.blue, at.slots.green) == (phase, blue, green)


def test_a_deployment_has_a_name_and_a_beginning() -> None:
    release = CANDIDATE.deployment
    assert release is not None
    assert (release.id, release.old, release.new) == ("20260115-103000", OLD, NEW)
    assert release.started_at == "2026-01-15T10:30:00Z"


@pytest.mark.parametrize("at", EVERY)
def test_what_is_written_reads_back(at: State) -> None:
    assert state.decode(state.encode(at)) == at


@pytest.mark.parametrize(
    "again",
    [
        lambda: (CANDIDATE, state.candidate(CANDIDATE, NEW, NOW)),
        lambda: (PREVIEW, state.preview(PREVIEW, NOW)),
        lambda: (PREVIEW, state.candidate(PREVIEW, NEW, NOW)),
        lambda: (CANARY, state.preview(CANARY, NOW)),
        lambda: (DRAINING, state.preview(DRAINING, NOW)),
        lambda: (CANARY, state.canary(CANARY, 10, NOW)),
        lambda: (CANDIDATE, state.canary(CANDIDATE, 0, NOW)),
        lambda: (DRAINING, state.canary(DRAINING, 100, NOW)),
        lambda: (DRAINING, state.enable_green(DRAINING, NOW)),
        lambda: (GIVEN_UP, state.disable_blue(GIVEN_UP, NOW)),
        lambda: (RETIRED, state.retire_blue(RETIRED, NOW)),
        lambda: (TAKEN_OVER, state.blue_on_new(TAKEN_OVER, NOW)),
        lambda: (PROMOTED, state.rest(PROMOTED, NOW)),
        lambda: (PAUSED, state.pause(PAUSED, LATER, NOW)),
        lambda: (DRAINING, state.resume(DRAINING)),
        lambda: (MAINTAINED, state.begin_maintenance(MAINTAINED, LATER)),
        lambda: (DRAINING, state.end_maintenance(DRAINING)),
    ],
)
def test_the_same_again_changes_nothing(again) -> None:
    before, after = again()
    assert after is before


def test_enable_green_again_keeps_that_blue_was_found_empty() -> None:
    drained = state.drained(DRAINING, NOW)
    assert state.enable_green(drained, NOW) is drained


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda: state.candidate(DRAINING, "1.6.9", NOW),
        lambda: state.candidate(REST, OLD, NOW),
        lambda: state.candidate(REST, "../x", NOW),
        lambda: state.adopt("", NOW),
        lambda: state.candidate(PREVIEW, "1.6.9", NOW),
        lambda: state.preview(REST, NOW),
        lambda: state.preview(TAKEN_OVER, NOW),
        lambda: state.rest(PREVIEW, NOW),
        lambda: state.canary(REST, 10, NOW),
        lambda: state.enable_green(REST, NOW),
        lambda: state.disable_blue(REST, NOW),
        lambda: state.enable_green(TAKEN_OVER, NOW),
        lambda: state.disable_green(RETIRED, NOW),
        lambda: state.drained(CANDIDATE, NOW),
        lambda: state.blue_on_new(DRAINING, NOW),
        lambda: state.retire_green(DRAINING, NOW),
        lambda: state.rest(DRAINING, NOW),
        lambda: state.back_to_blue(REST, NOW),
        lambda: state.pause(MAINTAINED, LATER, NOW),
        lambda: state.resume(MAINTAINED),
        lambda: state.end_maintenance(PAUSED),
    ],
)
def test_45_what_a_rule_forbids_is_refused_with_the_next_command(forbidden) -> None:
    with pytest.raises(Refused) as caught:
        forbidden()
    assert caught.value.code == 3


def test_41_what_a_proxy_would_refuse_is_no_state() -> None:
    good = state.encode(DRAINING).decode()
    for old, new in [
        ('"schema": 2', '"schema": 3'),
        ('"generation": 3', '"generation": 0'),
        ('"generation": 3', '"generation": 3.5'),
        ('"weight": 100', '"weight": 101'),
        ('"weight": 100', '"weight": "100"'),
        ('"weight": 100', '"weight": 0'),
        ('"state": "drain",\n      "weight": 0', '"state": "drain",\n      "weight": 5'),
        ('"state": "ready"', '"state": "up"'),
        ('"version": "1.6.7"', '"version": null'),
        ('"version": "1.6.7"', '"version": "1.6.7\\n"'),
        ('"phase": "draining"', '"phase": "rest"'),
        ('"phase"', '"phases"'),
        (
            "{",
            "",
        ),
    ]:
        assert old in good
        with pytest.raises(ValueError):  # noqa: PT011  (the words differ, and are msgspec's)
            state.decode(good.replace(old, new, 1).encode())


def test_the_gate_is_closed_and_opened_and_the_release_does_not_move() -> None:
    gate = PAUSED.gate
    assert gate == state.Gate("pause", "2026-01-15T10:30:00Z", "2026-01-15T10:30:30Z")
    longer = state.pause(PAUSED, LATER + timedelta(seconds=5), LATER)
    assert longer.gate == state.Gate("pause", "2026-01-15T10:30:00Z", "2026-01-15T10:30:35Z")
    maintained = state.begin_maintenance(PAUSED, LATER)
    assert maintained.gate == state.Gate("maintenance", "2026-01-15T10:30:30Z")
    assert state.end_maintenance(maintained).gate is None
    opened = state.resume(PAUSED)
    assert opened == state.State(**{**_fields(DRAINING), "generation": DRAINING.generation + 2})
    assert b"gate" not in state.encode(opened)


def _fields(of: State) -> dict[str, object]:
    return {name: getattr(of, name) for name in of.__struct_fields__}


@pytest.mark.parametrize("step", [state.disable_green, state.disable_blue, state.enable_green])
def test_a_release_goes_on_behind_the_gate(step) -> None:
    for closed in (PAUSED, MAINTAINED):
        assert step(closed, LATER).gate == closed.gate


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"mode": "pause"', '"mode": "closed"'),
        ('"until": "2026-01-15T10:30:30Z"', '"until": "soon"'),
        ('"until": "2026-01-15T10:30:30Z"', '"until": null'),
        ('"mode": "pause"', '"mode": "maintenance"'),
    ],
)
def test_41_a_gate_that_a_proxy_would_refuse_is_no_state(old: str, new: str) -> None:
    good = state.encode(PAUSED).decode()
    assert old in good
    with pytest.raises(ValueError):  # noqa: PT011  (the words differ, and are msgspec's)
        state.decode(good.replace(old, new).encode())


class Release(RuleBasedStateMachine):
    """Any command in any order, refused or not: proxies accept the table and can serve from it."""

    @initialize()
    def adopt(self) -> None:
        self.now = NOW
        self.state = state.adopt(OLD, NOW)
        self.seen = self.state

    def move(self, step, *arguments) -> None:
        self.now += timedelta(seconds=1)
        self.seen = self.state
        try:
            self.state = step(self.state, *arguments, self.now)
        except Refused:
            assert self.state == self.seen

    @rule(version=st.sampled_from([OLD, NEW, "1.6.9"]))
    def candidate(self, version: str) -> None:
        self.move(state.candidate, version)

    @rule(percent=st.integers(0, 100))
    def canary(self, percent: int) -> None:
        self.move(state.canary, percent)

    @rule(
        step=st.sampled_from(
            [
                state.preview,
                state.enable_green,
                state.disable_green,
                state.disable_blue,
                state.drained,
                state.retire_blue,
                state.hold_green,
                state.blue_on_new,
                state.retire_green,
                state.back_to_blue,
                state.rest,
            ]
        )
    )
    def go(self, step) -> None:
        self.move(step)

    @rule(closed=st.sampled_from(["pause", "maintenance", None]))
    def gate(self, closed: str | None) -> None:
        """Opened and closed at any moment; a release neither notices nor changes it."""
        self.seen = self.state
        if closed == "pause":
            until = self.now + timedelta(seconds=5)
            self.try_gate(lambda: state.pause(self.state, until, self.now))
        elif closed:
            self.try_gate(lambda: state.begin_maintenance(self.state, self.now))
        else:
            self.try_gate(lambda: state.resume(self.state))
            self.try_gate(lambda: state.end_maintenance(self.seen))

    def try_gate(self, step) -> None:
        with suppress(Refused):
            self.state = step()

    @precondition(lambda self: self.state.deployment)
    @rule()
    def roll_back(self) -> None:
        """From any moment of a release, two writes lead to rest on the old version."""
        self.move(state.back_to_blue)
        old = self.seen.deployment.old
        self.move(state.rest)
        assert (self.state.phase, self.state.slots.blue) == ("rest", ready(old))

    @invariant()
    def proxies_accept_it(self) -> None:
        assert state.problem_of(self.state) is None
        assert state.decode(state.encode(self.state)) == self.state

    @invariant()
    def new_sessions_have_a_home(self) -> None:
        slots = (self.state.slots.blue, self.state.slots.green)
        assert sum(slot.weight for slot in slots) == 100
        assert all(slot.state == "ready" for slot in slots if slot.weight)

    @invariant()
    def a_change_is_the_next_generation_and_nothing_else_is(self) -> None:
        steps = self.state.generation - self.seen.generation
        assert steps == (0 if self.state is self.seen else 1)
        assert steps == 0 or (self.state.updated_at > self.seen.updated_at) is not self.noted()

    def noted(self) -> bool:
        """A drain that has ended and a gate are no other routing: the deadlines go on from the switch."""
        if self.state.gate != self.seen.gate:
            return True
        return self.state.deployment is not None and self.state.deployment.step == "drained"


TestRelease = Release.TestCase
