"""From lines of the history to stories: also from torn, old, strange and interleaved ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.toolkit.support.samples import ID, RELEASED, at, line
from toolkit.files import history
from toolkit.observe import story
from toolkit.observe.story import Story

OTHER = "20260115-120000"


def one(*entries: history.Entry, current: str | None = None) -> Story:
    (found,) = story.stories(entries, current)
    return found


def test_a_release_is_one_story() -> None:
    found = one(*RELEASED)
    assert (found.old, found.new, found.release, found.outcome) == ("1.6.7", "1.6.8", ID, "released")
    assert (found.began, found.ended, found.seconds) == (at(0), at(3605), 3605)
    assert found.who == ("ada", "bea")
    assert [(part.at, part.what, part.seconds) for part in found.parts] == [
        (at(0), "up-green 1.6.8", 2),
        (at(3), "route enable-green", 2),
        (at(5), "drain", 3598),
        (at(3603), "promote", 2),
    ]
    assert [step.name for step in found.parts[0].steps] == ["one", "two"]
    assert found.changes == tuple(RELEASED)


def test_one_that_is_taken_back() -> None:
    assert one(*RELEASED[:2], line(60, "rollback")).outcome == "taken back"


def test_one_that_goes_on() -> None:
    going = one(*RELEASED[:2], current=ID)
    assert (going.outcome, going.ended) == ("under way", None)
    assert one(*RELEASED[:2], line(60, "rollback"), current=ID).outcome == "under way", "--no-wait"


def test_a_candidate_that_never_started_and_the_one_that_did() -> None:
    failed = line(2, "up-green 1.6.8", "failed", old=None, new=None, release=None, why="it exits with 1")
    alone = one(failed)
    assert (alone.new, alone.old, alone.outcome) == ("1.6.8", None, "not started")
    together = one(failed, line(99, "up-green 1.6.8"), line(120, "promote"))
    assert (together.outcome, len(together.changes), together.old) == ("released", 3, "1.6.7")


def test_a_version_that_is_released_twice_has_two_stories() -> None:
    again = [line(9000, "up-green 1.6.8", release=OTHER), line(9100, "promote", release=OTHER)]
    found = story.stories([*RELEASED[:2], line(60, "rollback"), *again])
    assert [(each.release, each.outcome) for each in found] == [(ID, "taken back"), (OTHER, "released")]


def test_what_belongs_to_no_release_stands_between_them() -> None:
    other = line(5000, "reload", old=None, new=None, release=None)
    next = [line(9000, "up-green 1.6.9", old="1.6.8", new="1.6.9", release=OTHER)]
    found = story.stories([*RELEASED, other, *next], OTHER)
    assert [(each.new, each.outcome) for each in found] == [
        ("1.6.8", "released"),
        (None, "done"),
        ("1.6.9", "under way"),
    ]
    assert found[1].parts[0].what == "reload"


def test_a_rollback_of_another_in_between_is_in_its_own_story() -> None:
    """A deploy waits, a rollback comes from another terminal, and the deploy notices."""
    refused = line(
        70, "clean-up", "refused", old=None, new=None, release=None, why="the release has moved on"
    )
    found = story.stories([*RELEASED[:2], line(60, "rollback", who="bea"), refused])
    assert [(each.new, each.outcome) for each in found] == [("1.6.8", "taken back"), (None, "refused")]


def test_a_line_of_a_release_that_comes_late_finds_it() -> None:
    late = line(9500, "promote")
    found = story.stories([*RELEASED[:2], line(9000, "up-green 1.6.9", new="1.6.9", release=OTHER), late])
    assert [(each.new, each.outcome) for each in found] == [("1.6.8", "released"), ("1.6.9", "unfinished")]


def test_a_command_that_was_killed() -> None:
    killed = line(3, "deploy", "interrupted", why="it ended without a word")
    assert one(RELEASED[0], killed).outcome == "interrupted"
    assert one(RELEASED[0], killed, *RELEASED[1:]).outcome == "released"


def test_lines_of_an_older_bgctl_are_put_together_by_their_versions() -> None:
    old = [line(seconds, what, release=None) for seconds, what in ((2, "up-green 1.6.8"), (9, "promote"))]
    again = [
        line(900 + seconds, what, release=None) for seconds, what in ((2, "up-green 1.6.8"), (9, "rollback"))
    ]
    found = story.stories([*old, *again])
    assert [(each.outcome, len(each.changes)) for each in found] == [("released", 2), ("taken back", 2)]
    going = story.stories([*old, *again[:1]], ID)
    assert [each.outcome for each in going] == ["released", "under way"]


def test_a_restart_of_the_same_version_is_no_release() -> None:
    found = story.stories([*RELEASED, line(9000, "restart", "interrupted", old="1.6.8", release=OTHER)])
    assert [(each.new, each.outcome) for each in found] == [("1.6.8", "released"), (None, "interrupted")]


def test_a_pause_within_a_release_is_part_of_it() -> None:
    assert [part.what for part in one(RELEASED[0], line(4, "pause"), line(5, "promote")).parts] == [
        "up-green 1.6.8",
        "pause",
        "promote",
    ]


def test_stamps_that_are_none_and_clocks_that_go_back() -> None:
    strange = [line(100, "up-green 1.6.8"), line(50, "route enable-green"), line(200, "promote")]
    found = one(*strange)
    assert [part.what for part in found.parts] == ["up-green 1.6.8", "route enable-green", "drain", "promote"]
    nonsense = history.Entry("soon", "ada", "x", "promote", "1", "2", None, 1e300, "done", "")
    assert one(nonsense).parts[0].at == "soon"


def test_torn_lines_and_fields_of_tomorrow(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for entry in RELEASED:
        history.append(path, entry)
    text = path.read_bytes().splitlines()
    newer = text[1][:-1] + b',"of_tomorrow":{"a":[1]}}'
    path.write_bytes(b"\n".join([text[0], text[1][:30], newer, b"\xff\x00", text[2]]))
    assert one(*history.read(path)) == one(*RELEASED)


whats = st.sampled_from(
    [
        "up-green 1.6.8",
        "up-green 1.6.9",
        "route canary 5",
        "route enable-green",
        "promote",
        "rollback",
        "reload",
    ]
)
versions = st.sampled_from([None, "1.6.7", "1.6.8", "1.6.9"])
entries = st.builds(
    lambda seconds, what, outcome, old, new, release: line(
        seconds, what, outcome, old=old, new=new, release=release
    ),
    st.integers(-100, 5000),
    whats,
    st.sampled_from(["done", "failed", "refused", "interrupted", "of tomorrow"]),
    versions,
    versions,
    st.sampled_from([None, ID, OTHER]),
)


@given(st.lists(entries, max_size=12), st.sampled_from([None, ID, OTHER]))
def test_every_line_is_in_one_story(lines: list[history.Entry], current: str | None) -> None:
    found = story.stories(lines, current)
    told = [each for one in found for each in one.changes]
    assert sorted(map(repr, told)) == sorted(map(repr, lines))
    assert all(each.seconds >= 0 for one in found for each in one.parts)


@pytest.mark.parametrize("what", ["up-green", "up-green ../../x"])
def test_what_only_looks_like_a_release(what: str) -> None:
    assert one(line(2, what, "failed", old=None, new=None, release=None)).new is None
