"""The steps of a release as values: the design's table, refusals, and what holds in any order of calls."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from toolkit.errors import Refused
from toolkit.state import document, transitions
from toolkit.state.document import State, drain, maint, ready

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
OLD, NEW = "1.6.7", "1.6.8"
REST = transitions.adopt(OLD, NOW)
CANDIDATE = transitions.candidate(REST, NEW, NOW)
PREVIEW = transitions.preview(CANDIDATE, NOW)
CANARY = transitions.canary(CANDIDATE, 10, NOW)
DRAINING = transitions.enable_green(CANDIDATE, NOW)
GIVEN_UP = transitions.disable_blue(DRAINING, NOW)
RETIRED = transitions.retire_blue(DRAINING, NOW)
TAKEN_OVER = transitions.blue_on_new(RETIRED, NOW)
GREEN_OUT = transitions.retire_green(TAKEN_OVER, NOW)
PROMOTED = transitions.rest(GREEN_OUT, NOW)
BACK = transitions.back_to_blue(DRAINING, NOW)
LATER = NOW + timedelta(seconds=30)
PAUSED = transitions.pause(DRAINING, LATER, NOW)
MAINTAINED = transitions.begin_maintenance(CANARY, NOW)
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
        (transitions.canary(PREVIEW, 10, NOW), "canary", ready(OLD, 90), ready(NEW, 10)),
        (transitions.enable_green(PREVIEW, NOW), "draining", drain(OLD), ready(NEW)),
        (transitions.disable_green(PREVIEW, NOW), "candidate", ready(OLD), maint(NEW)),
        (transitions.back_to_blue(PREVIEW, NOW), "candidate", ready(OLD), maint(NEW)),
        (CANARY, "canary", ready(OLD, 90), ready(NEW, 10)),
        (DRAINING, "draining", drain(OLD), ready(NEW)),
        (GIVEN_UP, "draining", maint(OLD), ready(NEW)),
        (RETIRED, "promoting", maint(OLD), ready(NEW)),
        (TAKEN_OVER, "promoting", ready(NEW), drain(NEW)),
        (GREEN_OUT, "promoting", ready(NEW), maint(NEW)),
        (PROMOTED, "rest", ready(NEW), maint(None)),
        (BACK, "candidate", ready(OLD), maint(NEW)),
        (transitions.rest(BACK, NOW), "rest", ready(OLD), maint(None)),
        (transitions.disable_green(DRAINING, NOW), "candidate", ready(OLD), maint(NEW)),
    ],
)
def test_each_step_is_as_the_design_says(
    at: State, phase: str, blue: document.Slot, green: document.Slot
) -> None:
    assert (at.phase, at.slots.blue, at.slots.green) == (phase, blue, green)


def test_a_deployment_has_a_name_and_a_beginning() -> None:
    release = CANDIDATE.deployment
    assert release is not None
    assert (release.id, release.old, release.new) == ("20260115-103000", OLD, NEW)
    assert release.started_at == "2026-01-15T10:30:00Z"


@pytest.mark.parametrize("at", EVERY)
def test_what_is_written_reads_back(at: State) -> None:
    assert document.decode(document.encode(at)) == at


@pytest.mark.parametrize(
    "again",
    [
        lambda: (CANDIDATE, transitions.candidate(CANDIDATE, NEW, NOW)),
        lambda: (PREVIEW, transitions.preview(PREVIEW, NOW)),
        lambda: (PREVIEW, transitions.candidate(PREVIEW, NEW, NOW)),
        lambda: (CANARY, transitions.preview(CANARY, NOW)),
        lambda: (DRAINING, transitions.preview(DRAINING, NOW)),
        lambda: (CANARY, transitions.canary(CANARY, 10, NOW)),
        lambda: (CANDIDATE, transitions.canary(CANDIDATE, 0, NOW)),
        lambda: (DRAINING, transitions.canary(DRAINING, 100, NOW)),
        lambda: (DRAINING, transitions.enable_green(DRAINING, NOW)),
        lambda: (GIVEN_UP, transitions.disable_blue(GIVEN_UP, NOW)),
        lambda: (RETIRED, transitions.retire_blue(RETIRED, NOW)),
        lambda: (TAKEN_OVER, transitions.blue_on_new(TAKEN_OVER, NOW)),
        lambda: (PROMOTED, transitions.rest(PROMOTED, NOW)),
        lambda: (PAUSED, transitions.pause(PAUSED, LATER, NOW)),
        lambda: (DRAINING, transitions.resume(DRAINING)),
        lambda: (MAINTAINED, transitions.begin_maintenance(MAINTAINED, LATER)),
        lambda: (DRAINING, transitions.end_maintenance(DRAINING)),
    ],
)
def test_the_same_again_changes_nothing(again) -> None:
    before, after = again()
    assert after is before


def test_enable_green_again_keeps_that_blue_was_found_empty() -> None:
    drained = transitions.drained(DRAINING, NOW)
    assert transitions.enable_green(drained, NOW) is drained


@pytest.mark.threat(45)
@pytest.mark.parametrize(
    "forbidden",
    [
        lambda: transitions.candidate(DRAINING, "1.6.9", NOW),
        lambda: transitions.candidate(REST, OLD, NOW),
        lambda: transitions.candidate(REST, "../x", NOW),
        lambda: transitions.adopt("", NOW),
        lambda: transitions.candidate(PREVIEW, "1.6.9", NOW),
        lambda: transitions.preview(REST, NOW),
        lambda: transitions.preview(TAKEN_OVER, NOW),
        lambda: transitions.rest(PREVIEW, NOW),
        lambda: transitions.canary(REST, 10, NOW),
        lambda: transitions.enable_green(REST, NOW),
        lambda: transitions.disable_blue(REST, NOW),
        lambda: transitions.enable_green(TAKEN_OVER, NOW),
        lambda: transitions.disable_green(RETIRED, NOW),
        lambda: transitions.drained(CANDIDATE, NOW),
        lambda: transitions.blue_on_new(DRAINING, NOW),
        lambda: transitions.retire_green(DRAINING, NOW),
        lambda: transitions.rest(DRAINING, NOW),
        lambda: transitions.back_to_blue(REST, NOW),
        lambda: transitions.pause(MAINTAINED, LATER, NOW),
        lambda: transitions.resume(MAINTAINED),
        lambda: transitions.end_maintenance(PAUSED),
    ],
)
def test_45_what_a_rule_forbids_is_refused_with_the_next_command(forbidden) -> None:
    with pytest.raises(Refused) as caught:
        forbidden()
    assert caught.value.code == 3


@pytest.mark.threat(41)
def test_41_what_a_proxy_would_refuse_is_no_state() -> None:
    good = document.encode(DRAINING).decode()
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
            document.decode(good.replace(old, new, 1).encode())


def test_the_gate_is_closed_and_opened_and_the_release_does_not_move() -> None:
    gate = PAUSED.gate
    assert gate == document.Gate("pause", "2026-01-15T10:30:00Z", "2026-01-15T10:30:30Z")
    longer = transitions.pause(PAUSED, LATER + timedelta(seconds=5), LATER)
    assert longer.gate == document.Gate("pause", "2026-01-15T10:30:00Z", "2026-01-15T10:30:35Z")
    maintained = transitions.begin_maintenance(PAUSED, LATER)
    assert maintained.gate == document.Gate("maintenance", "2026-01-15T10:30:30Z")
    assert transitions.end_maintenance(maintained).gate is None
    opened = transitions.resume(PAUSED)
    assert opened == replace(DRAINING, generation=DRAINING.generation + 2)
    assert b"gate" not in document.encode(opened)


@pytest.mark.parametrize(
    "step", [transitions.disable_green, transitions.disable_blue, transitions.enable_green]
)
def test_a_release_goes_on_behind_the_gate(step) -> None:
    for closed in (PAUSED, MAINTAINED):
        assert step(closed, LATER).gate == closed.gate


@pytest.mark.threat(41)
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
    good = document.encode(PAUSED).decode()
    assert old in good
    with pytest.raises(ValueError):  # noqa: PT011  (the words differ, and are msgspec's)
        document.decode(good.replace(old, new).encode())


class Release(RuleBasedStateMachine):
    """Any command in any order, refused or not: proxies accept the table and can serve from it."""

    @initialize()
    def adopt(self) -> None:
        self.now = NOW
        self.state = transitions.adopt(OLD, NOW)
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
        self.move(transitions.candidate, version)

    @rule(percent=st.integers(0, 100))
    def canary(self, percent: int) -> None:
        self.move(transitions.canary, percent)

    @rule(
        step=st.sampled_from(
            [
                transitions.preview,
                transitions.enable_green,
                transitions.disable_green,
                transitions.disable_blue,
                transitions.drained,
                transitions.retire_blue,
                transitions.hold_green,
                transitions.blue_on_new,
                transitions.retire_green,
                transitions.back_to_blue,
                transitions.rest,
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
            self.try_gate(lambda: transitions.pause(self.state, until, self.now))
        elif closed:
            self.try_gate(lambda: transitions.begin_maintenance(self.state, self.now))
        else:
            self.try_gate(lambda: transitions.resume(self.state))
            self.try_gate(lambda: transitions.end_maintenance(self.seen))

    def try_gate(self, step) -> None:
        with suppress(Refused):
            self.state = step()

    @precondition(lambda self: self.state.deployment)
    @rule()
    def roll_back(self) -> None:
        """From any moment of a release, two writes lead to rest on the old version."""
        self.move(transitions.back_to_blue)
        assert self.seen.deployment is not None
        old = self.seen.deployment.old
        self.move(transitions.rest)
        assert (self.state.phase, self.state.slots.blue) == ("rest", ready(old))

    @invariant()
    def proxies_accept_it(self) -> None:
        assert document.problem_of(self.state) is None
        assert document.decode(document.encode(self.state)) == self.state

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
