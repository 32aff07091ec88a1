"""The proxy's figures of one version: requests, errors, and how long they took."""

from itertools import accumulate
from math import inf
from typing import Self

from msgspec import Struct


class Figures(Struct, frozen=True):
    """Counts since the proxy started, or over a window. `errors` are 5xx.

    `counts[i]` requests took up to `bounds[i]` seconds and longer than the bound before; the last of `counts`
    has those beyond all bounds. WebSockets are in none of `counts`.
    """

    requests: int = 0
    errors: int = 0
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def timed(self) -> int:
        return sum(self.counts)

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def slower(self, bound: float) -> int:
        """How many requests took longer than `bound`, which is one of the bounds."""
        return sum(
            count for count, most in zip(self.counts, (*self.bounds, inf), strict=False) if most > bound
        )

    @property
    def p99(self) -> float | None:
        return self.within(0.99)

    def within(self, share: float) -> float | None:
        """Seconds within which that share was answered, rounded up to a bound (or inf); None: no request."""
        least = share * self.timed
        so_far = zip(accumulate(self.counts), (*self.bounds, inf), strict=False)
        return next((most for sum_, most in so_far if sum_ >= least), None) if self.timed else None

    def since(self, before: Self) -> Self:
        """The counts that were added since `before`."""
        earlier = before.counts or (0,) * len(self.counts)
        counts = tuple(now - then for now, then in zip(self.counts, earlier, strict=True))
        return type(self)(self.requests - before.requests, self.errors - before.errors, self.bounds, counts)

    def plus(self, more: Self) -> Self:
        """Both together. Where the bounds are others since, the times of the later ones alone count."""
        counts = more.counts or self.counts
        if self.counts and more.counts and self.bounds == more.bounds:
            counts = tuple(one + other for one, other in zip(self.counts, more.counts, strict=True))
        bounds = more.bounds or self.bounds
        return type(self)(self.requests + more.requests, self.errors + more.errors, bounds, counts)

    def continues(self, before: Self) -> bool:
        """Whether these are later counts of the same proxy: none has fallen, and the bounds are the same."""
        if before.bounds and before.bounds != self.bounds:
            return False
        pairs = [(self.requests, before.requests), (self.errors, before.errors)]
        pairs += list(zip(self.counts, before.counts, strict=False))
        return all(now >= then for now, then in pairs)
