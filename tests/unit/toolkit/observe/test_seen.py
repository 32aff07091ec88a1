"""From samples to what users saw: through restarts of the proxy, gaps, and releases of the same version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.toolkit.support.samples import SAMPLES, counted, sampled
from toolkit.clients.figures import Figures
from toolkit.clients.sample import Counted, Sample
from toolkit.observe import seen
from toolkit.observe.seen import Seen


def of(*samples: Sample) -> Seen:
    found = seen.of(samples, "1.6.7", "1.6.8")
    assert found is not None
    return found


def test_a_release() -> None:
    found = of(*SAMPLES)
    old, new = found.versions
    assert (old.version, old.requests, old.failed, old.failovers) == ("1.6.7", 2105, 2, 1)
    assert (new.version, new.requests, new.failed, new.failovers) == ("1.6.8", 5400, 0, 0)
    assert (old.p50, old.p99, new.p99) == (0.01, 0.01, 0.01)
    assert (old.peak_sessions, new.peak_sessions) == (62, 90)
    assert (found.requests, found.failed, found.moved, found.restarts) == (7505, 2, 9, 0)
    assert found.points[2].rates == {"1.6.7": pytest.approx(1905 / 1795, abs=0.01), "1.6.8": 1.11}


def test_what_was_counted_before_is_not_of_this_release() -> None:
    """Green was on 1.6.8 an hour ago, and was taken back."""
    before = sampled(0, counted("blue", "1.6.7", 500), counted("green", "1.6.8", 300, errors=9), moved=4)
    after = sampled(9, counted("blue", "1.6.7", 510), counted("green", "1.6.8", 320, errors=9), moved=4)
    found = of(before, after)
    assert [each.requests for each in found.versions] == [10, 20]
    assert (found.failed, found.moved) == (0, 0)


def test_a_proxy_that_was_restarted_counts_from_its_start() -> None:
    found = of(
        sampled(0, counted("blue", "1.6.7", 500), moved=5),
        sampled(5, counted("blue", "1.6.7", 600), moved=6),
        sampled(9, counted("blue", "1.6.7", 30), started=2.0, moved=1),
        sampled(12, counted("blue", "1.6.7", 40), started=2.0, moved=2),
    )
    assert (found.versions[0].requests, found.moved, found.restarts) == (140, 3, 1)


def test_a_version_that_the_proxy_had_forgotten_begins_anew() -> None:
    found = of(
        sampled(0, counted("green", "1.6.8", 500)),
        sampled(4000),
        sampled(4005, counted("green", "1.6.8", 20)),
        sampled(4009, counted("green", "1.6.8", 25)),
    )
    assert (found.versions[1].requests, found.restarts) == (25, 0)


def test_looks_that_found_no_proxy_are_bridged() -> None:
    found = of(
        sampled(0, counted("blue", "1.6.7", 100), sessions={"1.6.7": 3}),
        sampled(5, started=None, sessions={"1.6.7": 8}),
        sampled(9, counted("blue", "1.6.7", 160)),
    )
    assert (found.versions[0].requests, found.versions[0].peak_sessions) == (60, 8)
    assert found.points[1].rates is None
    assert found.points[2].rates == {"1.6.7": 6.67, "1.6.8": 0}


def test_without_samples_nothing_is_known() -> None:
    assert seen.of([], "1.6.7", "1.6.8") is None
    only = of(sampled(0, counted("blue", "1.6.7", 100)))
    assert (only.requests, only.versions[0].p99, only.versions[0].peak_sessions) == (0, None, None)


def test_beyond_all_bounds_is_told_in_json_too() -> None:
    slow = sampled(9, Counted("blue", "1.6.7", Figures(3, 0, (0.01,), (0, 3))))
    old = of(sampled(0), slow).versions[0]
    assert (old.p99, old.slow) == (0.01, True)


@pytest.mark.parametrize(
    ("step", "moved"),
    [
        ("rollback", 40),
        ("route disable-green", 40),
        ("canary 25", 40),
        ("route disable-blue", 60),
        ("promote", 60),
        ("route enable-green", 0),
        ("up-green 1.6.8", 0),
    ],
)
def test_who_had_no_choice(step: str, moved: int) -> None:
    people = {"1.6.7": 60, "1.6.8": 40}
    found = of(sampled(0, sessions=people, step=step, edge="begin"), sampled(1, sessions=people, step=step))
    assert found.moved_at_once == moved


def test_a_promotion_that_is_tried_again_moves_nobody_twice() -> None:
    found = of(
        sampled(0, sessions={"1.6.7": 5, "1.6.8": 40}, step="promote", edge="begin"),
        sampled(9, sessions={"1.6.7": 4, "1.6.8": 41}, step="promote", edge="begin"),
    )
    assert found.moved_at_once == 5


numbers = st.integers(0, 50)


@given(st.lists(st.tuples(numbers, numbers, st.booleans()), min_size=1, max_size=12))
def test_no_figure_is_below_nothing_or_above_what_was_counted(
    looks: list[tuple[int, int, bool]],
) -> None:
    """Each look adds requests and failures, or the proxy has been restarted before it."""
    samples, requests, errors, all_, started = [], 0, 0, 0, 1.0
    for number, (more, failed, restarted) in enumerate(looks):
        if restarted:
            requests, errors, started = 0, 0, started + 1
        requests, errors, all_ = requests + more, errors + min(failed, more), all_ + more
        samples.append(sampled(number, counted("blue", "1.6.7", requests, errors=errors), started=started))
    found = of(*samples)
    assert 0 <= found.failed <= found.requests <= all_
    assert found.requests == all_ - looks[0][0]
