"""Each step of a release says where the sessions go whose version it takes out of service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.state import document, lineage, transitions
from toolkit.state.document import State
from toolkit.state.lineage import LONG, SHORT, Entry

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
STAMP = "2026-01-15T10:30:00Z"
OLD, NEW = "1.6.7", "1.6.8"
REST = transitions.adopt(OLD, NOW)
CANDIDATE = transitions.candidate(REST, NEW, NOW)
CANARY = transitions.canary(CANDIDATE, 10, NOW)
DRAINING = transitions.enable_green(CANDIDATE, NOW)
GIVEN_UP = transitions.disable_blue(DRAINING, NOW)
RETIRED = transitions.retire_blue(DRAINING, NOW)
TAKEN_OVER = transitions.blue_on_new(RETIRED, NOW)
PROMOTED = transitions.rest(transitions.retire_green(TAKEN_OVER, NOW), NOW)
WEEK = timedelta(days=7)


def moves(at: State) -> list[tuple[str, str]]:
    return [(entry.old, entry.new) for entry in at.lineage]


@pytest.mark.threat(64)
@pytest.mark.parametrize(
    ("at", "gone"),
    [
        (CANDIDATE, []),
        (transitions.rest(transitions.back_to_blue(CANDIDATE, NOW), NOW), []),
        (transitions.preview(CANDIDATE, NOW), []),
        (transitions.disable_green(transitions.preview(CANDIDATE, NOW), NOW), [(NEW, OLD)]),
        (CANARY, []),
        (transitions.canary(CANARY, 0, NOW), [(NEW, OLD)]),
        (DRAINING, []),
        (transitions.back_to_blue(DRAINING, NOW), [(NEW, OLD)]),
        (GIVEN_UP, [(OLD, NEW)]),
        (transitions.enable_green(GIVEN_UP, NOW), [(OLD, NEW)]),
        (transitions.disable_green(GIVEN_UP, NOW), [(OLD, NEW), (NEW, OLD)]),
        (RETIRED, [(OLD, NEW)]),
        (TAKEN_OVER, [(OLD, NEW)]),
        (PROMOTED, [(OLD, NEW)]),
        (transitions.back_to_blue(RETIRED, NOW), [(OLD, NEW), (NEW, OLD)]),
        (transitions.back_to_blue(transitions.hold_green(TAKEN_OVER, NOW), NOW), [(OLD, NEW), (NEW, OLD)]),
    ],
)
def test_64_an_entry_for_each_version_that_goes_out_of_service(
    at: State, gone: list[tuple[str, str]]
) -> None:
    assert moves(at) == gone


@pytest.mark.threat(64)
def test_64_an_entry_says_from_when_on() -> None:
    assert RETIRED.lineage == (Entry(OLD, NEW, RETIRED.generation, STAMP),)


@pytest.mark.threat(70)
def test_70_a_state_of_the_version_before_is_read_and_rewritten() -> None:
    first = document.encode(DRAINING).replace(b'"schema": 2', b'"schema": 1')
    assert document.decode(first) == DRAINING
    assert b'"schema": 2' in document.encode(document.decode(first))


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([Entry(OLD, NEW, 9, STAMP), Entry(NEW, OLD, 8, STAMP)], "generation 8 is out of order"),
        ([Entry(OLD, NEW, 99, STAMP)], "generation 99 is out of order"),
        ([Entry(OLD, NEW, 2, "soon")], "soon is not a time"),
        ([Entry(OLD, OLD, 2, STAMP)], f"{OLD} goes to itself"),
    ],
)
def test_a_lineage_that_cannot_be_is_refused(entries: list[Entry], why: str) -> None:
    assert why in str(lineage.problem_of(entries, 10))


def chain(length: int, start: datetime = NOW) -> tuple[Entry, ...]:
    """So many promotions in a row, a minute apart."""
    made: tuple[Entry, ...] = ()
    for number in range(length):
        at = start + timedelta(minutes=number)
        made = lineage.extend(made, f"1.{number}", f"1.{number + 1}", number + 2, at)
    return made


def test_what_is_older_than_any_token_is_left_out() -> None:
    entries = chain(3)
    kept = lineage.shorten(entries, NOW + WEEK + timedelta(hours=1, minutes=1), WEEK.total_seconds())
    assert kept == entries[1:]


def test_a_long_chain_of_releases_is_kept_up_to_a_bound() -> None:
    entries = chain(LONG + 5)
    kept = lineage.shorten(entries[: SHORT * 2], NOW, WEEK.total_seconds())
    assert kept == entries[: SHORT * 2], "each of them is somebody's way"
    assert lineage.shorten(entries, NOW, WEEK.total_seconds()) == entries[5:]


versions = st.sampled_from(["1.6.7", "1.6.8", "1.6.9"])


@given(
    st.lists(st.tuples(versions, versions, st.integers(0, 1)), min_size=SHORT, max_size=SHORT * 2),
    versions,
    st.integers(0, SHORT),
    st.lists(st.tuples(versions, versions), max_size=3),
)
def test_shortening_changes_nobodys_way(
    switches: list[tuple[str, str, int]], version: str, generation: int, later: list[tuple[str, str]]
) -> None:
    """Nor does it after further entries."""
    entries: tuple[Entry, ...] = ()
    last = 1
    for old, new, more in switches:
        last += more
        entries = lineage.extend(entries, old, new, last, NOW) if old != new else entries
    kept = lineage.shorten(entries, NOW, WEEK.total_seconds())
    assert len(kept) <= len(entries)
    for old, new in later:
        last += 1
        entries, kept = (lineage.extend(each, old, new, last, NOW) for each in (entries, kept))
    assert lineage.follow(kept, version, generation) == lineage.follow(entries, version, generation)
