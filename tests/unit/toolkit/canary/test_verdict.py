"""The verdict on green: false alarms, misses, and what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.traffic import BOUNDS, Kind, traffic
from toolkit.canary.verdict import CRITERIA, Comparison, Verdict, comparisons, judge
from toolkit.clients.figures import Figures
from toolkit.config import Canary
from toolkit.config.kinds import DurationOrOff

TERMS = Canary()
ALONE = Canary(together=1)
SLOW = Canary(max_p99=DurationOrOff(1))


def timed(*counts: int) -> Figures:
    return Figures(sum(counts), 0, BOUNDS, (*counts, *[0] * (len(BOUNDS) + 1 - len(counts))))


def step(
    seed: int,
    blue: Kind,
    green: Kind,
    share: int,
    look: int,
    looks: int,
    *,
    terms: Canary = TERMS,
    least: int = 0,
) -> Verdict:
    """How a step ends, when `least` requests of green are its pause."""
    verdict = Verdict("not yet")
    for of_blue, of_green in traffic(seed, blue, green, share, look, looks):
        verdict = judge(of_blue, of_green, terms)
        if verdict.word == "bad" or (verdict.word == "good" and of_green.requests >= least):
            break
    return verdict


# A green that is worse


@pytest.mark.parametrize("share", [5, 10, 25])
def test_three_per_cent_failing_are_found_within_the_first_step(share: int) -> None:
    """Looked at after every 10 requests of green, 3,000 at most."""
    ends = [step(seed, Kind(0), Kind(0.03), share, 10, 300).word for seed in range(50)]
    assert ends == ["bad"] * 50


def test_all_failing_is_found_at_once() -> None:
    assert judge(Figures(400, 0), Figures(20, 20), TERMS).word == "bad"


def test_a_longer_tail_is_found() -> None:
    """Green's median is as blue's; one in twenty takes seconds."""
    blue, green = timed(0, 0, 8000, 11_600, 380, 20), timed(0, 0, 400, 540, 10, 0, 0, 0, 50)
    verdict = judge(blue, green, TERMS)
    assert verdict == Verdict(
        "bad",
        "5.0 % (50 of 1000) of green's requests take longer than 100 ms, and 0.1 % (20 of 20000) of blue's",
    )


def test_the_reason_has_the_figures() -> None:
    verdict = judge(Figures(23_256, 6), Figures(1224, 40), TERMS)
    why = "3.3 % (40 of 1224) of green's requests fail, and < 0.1 % (6 of 23256) of blue's"
    assert verdict == Verdict("bad", why)


def test_the_limits_hold_whatever_blue_does() -> None:
    broken = judge(Figures(5000, 1500), Figures(1000, 300), TERMS)
    assert broken == Verdict("bad", "30.0 % (300 of 1000) of green's requests fail; at most 10.0 % may")
    both = timed(0, 0, 0, 0, 0, 0, 0, 800, 200)
    slow = judge(both, both, SLOW)
    assert slow == Verdict(
        "bad", "20.0 % (200 of 1000) of green's requests take longer than 1 s; at most 1.0 % may"
    )
    assert judge(both, both, TERMS) == Verdict("good")


@pytest.mark.parametrize("errors", range(5))
def test_a_few_errors_condemn_nobody(errors: int) -> None:
    assert judge(Figures(10_000, 0), Figures(20, errors), TERMS).word == "not yet"


# A green as good as blue


@pytest.mark.parametrize("failing", [0, 0.01, 0.05])
@pytest.mark.parametrize(("share", "look"), [(5, 10), (25, 40), (50, 300)])
def test_one_as_good_as_blue_passes_in_50_of_50_runs(failing: float, share: int, look: int) -> None:
    ends = [step(seed, Kind(failing), Kind(failing), share, look, 400).word for seed in range(50)]
    assert ends == ["good"] * 50


def test_one_as_fast_as_blue_passes_in_50_of_50_runs() -> None:
    kind = Kind(0.01, spread=0.8)
    ends = [step(seed, kind, kind, 25, 40, 200, least=800).word for seed in range(50)]
    assert ends == ["good"] * 50


@pytest.mark.parametrize("failing", [0.002, 0.01, 0.05])
def test_false_alarms_are_rarer_than_promised(failing: float) -> None:
    """2,000 runs with a promise of 1 in 5 and no margin; nobody stops looking at what is good."""
    terms = Canary(confidence=0.8, margin=0.0, together=1)
    alarms = sum(
        any(
            judge(blue, green, terms).word == "bad"
            for blue, green in traffic(seed, Kind(failing), Kind(failing), 20, 60, 15)
        )
        for seed in range(2000)
    )
    assert alarms <= 2000 * 0.2 / 4


def test_one_worse_by_the_margin_is_no_alarm_either() -> None:
    """Where a test for any difference at all would call it bad in every run: the counts are large."""
    for seed in range(100):
        for blue, green in traffic(seed, Kind(0.01), Kind(0.015), 25, 1000, 30):
            assert judge(blue, green, TERMS).word != "bad"


# Neither


def test_what_is_missing_is_said() -> None:
    assert judge(Figures(5000), Figures(180), TERMS) == Verdict("not yet", "green lacks 120 requests")
    both = judge(Figures(), Figures(), TERMS)
    assert both == Verdict("not yet", "green lacks 300 requests, blue lacks 300 requests")


def test_what_looks_worse_does_not_go_on() -> None:
    verdict = judge(Figures(5700, 0), Figures(300, 3), TERMS)
    assert verdict.word == "not yet"
    assert (
        verdict.why == "in doubt: 1.0 % (3 of 300) of green's requests fail, and 0.0 % (0 of 5700) of blue's"
    )
    assert judge(Figures(57_000, 0), Figures(3000, 3), TERMS).word == "good"


def test_one_user_in_trouble_is_no_proof_where_requests_come_together() -> None:
    """20 failed requests of somebody who tries again and again."""
    blue, green = Figures(9500, 0), Figures(500, 20)
    assert judge(blue, green, ALONE).word == "bad"
    assert judge(blue, green, TERMS).word == "not yet"


@given(st.integers(1, 50))
def test_later_windows_have_less_of_the_risk(window: int) -> None:
    blue, green = Figures(9500, 0), Figures(500, 40)
    assert judge(blue, green, ALONE, window).word == "bad"
    assert judge(blue, Figures(500, 14), ALONE, window + 1).word != "bad"


# Figures


def test_percentiles_are_rounded_up_to_a_bound() -> None:
    assert timed(98, 1, 1).p99 == 0.01
    assert timed(99, 1).p99 == 0.005
    assert timed(*[0] * 11, 5).p99 == float("inf")
    assert (timed().p99, Figures().p99) == (None, None)


def test_slower_than_a_bound() -> None:
    assert timed(5, 4, 3, 2).slower(0.01) == 5
    assert timed(*[0] * 11, 5).slower(10.0) == 5


def test_a_difference_of_two_looks() -> None:
    before, after = timed(5, 4), timed(7, 9)
    assert after.since(before) == timed(2, 5)
    assert after.since(Figures()) == after
    assert after.continues(before)
    assert after.continues(Figures())
    assert not before.continues(after)
    assert not Figures().continues(after)
    assert not Figures(20, 0, (1.0,), (9, 11)).continues(before)


# What it is judged by


def test_the_risk_is_shared_by_all_criteria(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: a criterion that is added takes its part from the others."""
    asked: list[float] = []
    monkeypatch.setattr(Comparison, "proven", lambda _, risk, together: asked.append(risk))
    both = timed(0, 0, 0, 0, 0, 0, 0, 800, 200)
    judge(both, both, SLOW)
    assert len(asked) == len(comparisons(both, both, SLOW)) == len(CRITERIA)
    assert sum(asked) == pytest.approx((1 - SLOW.confidence) / 2), "half of the risk is the first window's"
