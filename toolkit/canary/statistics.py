"""What counts say of a rate, however often one looks at them.

`lower` and `upper` are confidence sequences: the chance that one of them is ever wrong, at any of any number
of looks, is at most `risk`. The evidence against a rate is how much likelier the counts are under a mixture
of other rates; for the true one that is a martingale that starts at 1, and by Ville's inequality it ever
reaches 1 / risk with a chance of at most `risk`. docs/canary.md has the rest.

Counts need not be whole: dividing them tells how many of a kind come together.
"""

from collections.abc import Callable
from math import exp, inf, lgamma, log, log1p

# The mixture: Beta(1/2, 10). Any would keep the promise; this one finds rates of a few per cent soonest.
ALPHA, BETA = 0.5, 10.0
HALVINGS = 60


def lower(hits: float, of: float, risk: float) -> float:
    """The least rate that is not refuted by `hits` among `of`."""
    if hits <= 0:
        return 0.0
    limit, weight = -log(risk), _mixture(hits, of)
    return _first(lambda rate: weight - _likelihood(hits, of, rate) < limit, 0.0, hits / of)[0]


def upper(hits: float, of: float, risk: float) -> float:
    """The greatest rate that is not refuted by `hits` among `of`."""
    if hits >= of:
        return 1.0
    limit, weight = -log(risk), _mixture(hits, of)
    return _first(lambda rate: weight - _likelihood(hits, of, rate) >= limit, hits / of, 1.0)[1]


def chance(hits: int, of: int, other_hits: int, other_of: int) -> float:
    """Fisher's exact test, one-sided: how likely so many hits or more are here if the rates are the same.

    For a look at one moment, and for a rate above the other one.
    """
    total, all_hits = of + other_of, hits + other_hits
    first = _choose(of, hits) + _choose(other_of, other_hits) - _choose(total, all_hits)
    tail, ratio, at = 0.0, 1.0, hits  # in units of the first term
    while at <= min(of, all_hits) and ratio > tail * 1e-16:
        tail += ratio
        here, there = of - at, all_hits - at
        ratio *= here * there / ((at + 1) * (other_of - there + 1))
        at += 1
    return min(1.0, exp(min(first, 0.0)) * tail)


def _mixture(hits: float, of: float) -> float:
    """The logarithm of the likelihood of one order of these hits, over all rates."""
    return _beta(hits + ALPHA, of - hits + BETA) - _beta(ALPHA, BETA)


def _likelihood(hits: float, of: float, rate: float) -> float:
    """The same for one rate."""
    misses = of - hits
    if (rate <= 0 and hits) or (rate >= 1 and misses):
        return -inf
    return (hits * log(rate) if hits else 0.0) + (misses * log1p(-rate) if misses else 0.0)


def _first(reached: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """The two sides, next to each other, of where `reached` turns true."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return low, high


def _beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
