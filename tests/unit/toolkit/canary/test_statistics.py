"""Bounds that hold at every look, and Fisher's test, against brute force."""

from itertools import product
from math import comb, inf, isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.canary import statistics

RISKS = st.sampled_from([0.2, 0.05, 0.001, 1e-6])


@st.composite
def counts(draw: st.DrawFn, most: int = 10**9) -> tuple[int, int]:
    of = draw(st.integers(1, most))
    return draw(st.integers(0, of)), of


@given(counts(), RISKS)
def test_the_measured_rate_lies_between_the_bounds(found, risk) -> None:
    hits, of = found
    low, high = statistics.lower(hits, of, risk), statistics.upper(hits, of, risk)
    assert 0 <= low <= hits / of <= high <= 1
    assert (low == 0) == (hits == 0)


@given(counts(10**6), RISKS)
def test_more_hits_raise_both_bounds_and_less_risk_widens_them(found, risk) -> None:
    hits, of = found
    if hits < of:
        assert statistics.lower(hits + 1, of, risk) >= statistics.lower(hits, of, risk)
        assert statistics.upper(hits + 1, of, risk) >= statistics.upper(hits, of, risk)
    assert statistics.lower(hits, of, risk / 10) <= statistics.lower(hits, of, risk)
    assert statistics.upper(hits, of, risk / 10) >= statistics.upper(hits, of, risk)


@given(counts(10**5), RISKS, st.floats(1, 100))
def test_requests_that_come_together_say_less(found, risk, together) -> None:
    hits, of = found
    assert statistics.lower(hits / together, of / together, risk) <= statistics.lower(hits, of, risk) + 1e-9
    assert statistics.upper(hits / together, of / together, risk) >= statistics.upper(hits, of, risk) - 1e-9


def test_large_counts_close_in() -> None:
    low, high = statistics.lower(10**10, 10**12, 1e-6), statistics.upper(10**10, 10**12, 1e-6)
    assert isclose(low, 0.01, rel_tol=1e-3)
    assert isclose(high, 0.01, rel_tol=1e-3)


def wrong_at_some_look(rate: float, looks: int, is_wrong) -> float:
    """The chance, exactly: every request is a look, and all ways there are added up."""
    alive, wrong = {0: 1.0}, 0.0
    for of in range(1, looks + 1):
        after: dict[int, float] = {}
        for hits, weight in alive.items():
            for more, part in ((1, rate), (0, 1 - rate)):
                after[hits + more] = after.get(hits + more, 0.0) + weight * part
        ends = [hits for hits in after if is_wrong(hits, of)]
        wrong += sum(after.pop(hits) for hits in ends)
        alive = after
    return wrong


@pytest.mark.parametrize("rate", [0.002, 0.03, 0.3])
@pytest.mark.parametrize("risk", [0.2, 0.02])
def test_peeking_makes_no_false_alarm(rate: float, risk: float) -> None:
    """At each of 150 looks: the chance of ever being wrong stays below the risk."""
    assert wrong_at_some_look(rate, 150, lambda hits, of: statistics.lower(hits, of, risk) > rate) <= risk
    assert wrong_at_some_look(rate, 150, lambda hits, of: statistics.upper(hits, of, risk) < rate) <= risk


def test_a_fixed_test_at_each_look_would_make_many() -> None:
    """What the bounds are for: the same peeking with an exact test for one look."""

    def significant(hits: int, of: int) -> bool:
        return sum(comb(of, k) * 0.03**k * 0.97 ** (of - k) for k in range(hits, of + 1)) < 0.02

    assert wrong_at_some_look(0.03, 150, significant) > 0.05


def tail(hits: int, of: int, other_hits: int, other_of: int) -> float:
    every = range(hits, min(of, hits + other_hits) + 1)
    ways = [comb(of, k) * comb(other_of, hits + other_hits - k) for k in every]
    return sum(ways) / comb(of + other_of, hits + other_hits)


@given(counts(40), counts(40))
def test_fisher_is_the_hypergeometric_tail(here, there) -> None:
    if here[0] * there[1] > there[0] * here[1]:
        assert isclose(statistics.chance(*here, *there), tail(*here, *there), rel_tol=1e-9)


def test_fisher_by_counting_every_outcome() -> None:
    """Which requests fail is drawn without looking at who answers: 2 of 3 on green among 3 of 8."""
    outcomes = [which for which in product((0, 1), repeat=8) if sum(which) == 3]
    as_bad = [which for which in outcomes if sum(which[:3]) >= 2]
    assert isclose(statistics.chance(2, 3, 1, 5), len(as_bad) / len(outcomes))


@settings(max_examples=50)
@given(counts(10**9), counts(10**9))
def test_fisher_is_a_probability_at_any_size(here, there) -> None:
    if here[0] * there[1] > there[0] * here[1]:
        assert 0 <= statistics.chance(*here, *there) <= 1 < inf
