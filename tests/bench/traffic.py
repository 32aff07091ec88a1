"""Two versions that are asked at random, for the canary's statistics: seeded, and without waiting."""

import random
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from math import log, log1p

from toolkit.clients.figures import Figures

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Kind:
    """The share that fails, the median of the seconds taken, and their lognormal spread (0: untimed)."""

    failing: float
    median: float = 0.04
    spread: float = 0.0


def traffic(
    seed: int, blue: Kind, green: Kind, share: int, look: int, looks: int
) -> Iterator[tuple[Figures, Figures]]:
    """What the proxy has counted of both at each look: `look` more requests of green, and blue's part."""
    dice = random.Random(seed)
    so_far = (Figures(), Figures())
    sizes = (look * (100 - share) // share, look)
    for _ in range(looks):
        so_far = tuple(
            _more(dice, figures, kind, size)
            for figures, kind, size in zip(so_far, (blue, green), sizes, strict=True)
        )  # type: ignore[assignment]
        yield so_far


def _more(dice: random.Random, before: Figures, kind: Kind, size: int) -> Figures:
    counts = list(before.counts or [0] * (len(BOUNDS) + 1))
    for _ in range(size if kind.spread else 0):
        counts[bisect_left(BOUNDS, dice.lognormvariate(log(kind.median), kind.spread))] += 1
    errors = before.errors + hits(dice, size, kind.failing)
    return Figures(
        before.requests + size, errors, BOUNDS if kind.spread else (), tuple(counts) if kind.spread else ()
    )


def hits(dice: random.Random, of: int, rate: float) -> int:
    """How many of so many, each with this chance: from one hit straight to the next."""
    if rate in (0, 1):
        return of * int(rate)
    found, at = 0, -1
    while True:
        at += 1 + int(log(1 - dice.random()) / log1p(-rate))
        if at >= of:
            return found
        found += 1
