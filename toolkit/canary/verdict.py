"""Whether green is as good as blue, by the figures of both over one window.

Bad is what is proven: a green that is worse than blue by no more than `margin` is called so with a chance
of at most 1 - confidence in a whole release, however often one asks. Good is what nothing speaks against.
docs/canary.md says why so, and what it cannot see.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Literal

from toolkit.canary import statistics as bounds
from toolkit.clients.figures import Figures
from toolkit.config import Canary
from toolkit.terminal import humanize as words

DOUBT = 0.05  # a difference that equals show less often: no proof, and no reason to go on either
TESTS = 4  # errors and slowness against blue, and the two limits: they share the risk
TAIL = 0.01  # what lies beyond the 99th percentile


@dataclass(frozen=True)
class Verdict:
    """`why`: what is bad, or what is missing."""

    word: Literal["good", "bad", "not yet"]
    why: str = ""


@dataclass(frozen=True)
class Share:
    """Hits among so many of a version."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{words.percent(self.rate, 1)} ({self.hits} of {self.of})"


@dataclass(frozen=True)
class Comparison:
    """What green must not have more of than blue, or than `most`. `looks`: among so many it was picked."""

    what: str
    green: Share
    blue: Share | None = None
    most: float = 0.0
    looks: int = 1

    def proven(self, risk: float, together: float) -> bool:
        """Whether green has more, beyond doubt. Half of the risk is for green's bound, half for blue's."""
        if not self.apparent:
            return False
        if not self.blue:
            return self._least(risk, together) > self.most
        each = risk / 2 / self.looks
        most = bounds.upper(self.blue.hits / together, self.blue.of / together, each) if self.blue.of else 1.0
        return self._least(each, together) > most + self.most

    def _least(self, risk: float, together: float) -> float:
        return bounds.lower(self.green.hits / together, self.green.of / together, risk)

    @property
    def apparent(self) -> bool:
        """Whether it has been measured so, whatever that proves."""
        return self.green.rate > self.most + (self.blue.rate if self.blue else 0.0)

    def doubtful(self) -> bool:
        """Whether green looks as if it had more."""
        if not self.blue or not self.apparent:
            return self.apparent
        return bounds.chance(self.green.hits, self.green.of, self.blue.hits, self.blue.of) < DOUBT

    def __str__(self) -> str:
        other = (
            f", and {self.blue} of blue's" if self.blue else f"; at most {words.percent(self.most, 1)} may"
        )
        return f"{self.green} of green's requests {self.what}{other}"


def judge(blue: Figures, green: Figures, terms: Canary, window: int = 1) -> Verdict:
    """`window` is its number, from 1: the first has half of the risk, and all together have no more than all.

    What is proven is bad before there are enough requests to call anything good.
    """
    risk = (1 - terms.confidence) / TESTS / (window * (window + 1))
    asked = list(_comparisons(blue, green, terms))
    for each in asked:
        if each.proven(risk, terms.together):
            return Verdict("bad", str(each))
    if missing := _missing(blue, green, terms.requests):
        return Verdict("not yet", missing)
    if doubt := next((each for each in asked if each.doubtful()), None):
        return Verdict("not yet", f"in doubt: {doubt}")
    return Verdict("good")


def _comparisons(blue: Figures, green: Figures, terms: Canary) -> Iterator[Comparison]:
    failed = Share(green.errors, green.requests)
    yield Comparison("fail", failed, Share(blue.errors, blue.requests), terms.margin)
    yield Comparison("fail", failed, most=terms.max_error_rate)
    bound = blue.p99
    if bound not in (None, inf):
        slow, others = _slower(green, bound), _slower(blue, bound)
        what = f"take longer than {words.short(bound)}"
        yield Comparison(what, slow, others, terms.margin, len(blue.bounds))
    limit = next((bound for bound in green.bounds if bound >= terms.max_p99), None)
    if terms.max_p99 and limit:
        yield Comparison(f"take longer than {words.short(limit)}", _slower(green, limit), most=TAIL)


def _slower(figures: Figures, bound: float) -> Share:
    return Share(figures.slower(bound), figures.timed)


def _missing(blue: Figures, green: Figures, wanted: int) -> str:
    """ "green lacks 120 requests, blue lacks 3 requests"; empty when there are enough."""
    lacking = [(name, wanted - each.requests) for name, each in (("green", green), ("blue", blue))]
    parts = [f"{name} lacks {count} requests" for name, count in lacking if count > 0]
    return ", ".join(parts)
