"""Whether green is as good as blue, by the figures of both over one window.

Bad is what is proven: a green that is worse than blue by no more than `margin` is called so with a chance
of at most 1 - confidence in a whole release, however often one asks. Good is what nothing speaks against.
docs/canary.md says why so, and what it cannot see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal

from toolkit.canary import statistics
from toolkit.clients.figures import Figures
from toolkit.config import Canary
from toolkit.terminal import humanize

DOUBT = 0.05  # a difference that equals show less often: no proof, and no reason to go on either
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
        return f"{humanize.percent(self.rate, 1)} ({self.hits} of {self.of})"


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
        hits, of = self.blue.hits / together, self.blue.of / together
        most = statistics.upper(hits, of, each) if of else 1.0
        return self._least(each, together) > most + self.most

    def _least(self, risk: float, together: float) -> float:
        return statistics.lower(self.green.hits / together, self.green.of / together, risk)

    @property
    def apparent(self) -> bool:
        """Whether it has been measured so, whatever that proves."""
        return self.green.rate > self.most + (self.blue.rate if self.blue else 0.0)

    def doubtful(self) -> bool:
        """Whether green looks as if it had more."""
        if not self.blue or not self.apparent:
            return self.apparent
        return statistics.chance(self.green.hits, self.green.of, self.blue.hits, self.blue.of) < DOUBT

    def __str__(self) -> str:
        other = (
            f", and {self.blue} of blue's" if self.blue else f"; at most {humanize.percent(self.most, 1)} may"
        )
        return f"{self.green} of green's requests {self.what}{other}"


def judge(blue: Figures, green: Figures, settings: Canary, window: int = 1) -> Verdict:
    """`window` is its number, from 1: the first has half of the risk, and all together have no more than all.

    All criteria share the risk of a window. What is proven is bad, also before there are enough requests to
    call anything good.
    """
    risk = (1 - settings.confidence) / len(CRITERIA) / (window * (window + 1))
    asked = comparisons(blue, green, settings)
    for each in asked:
        if each.proven(risk, settings.together):
            return Verdict("bad", str(each))
    if missing := _missing(blue, green, settings.requests):
        return Verdict("not yet", missing)
    if doubt := next((each for each in asked if each.doubtful()), None):
        return Verdict("not yet", f"in doubt: {doubt}")
    return Verdict("good")


def comparisons(blue: Figures, green: Figures, settings: Canary) -> list[Comparison]:
    """What each criterion compares. One for which there is no figure yet, or no setting, compares nothing."""
    asked = [criterion(blue, green, settings) for criterion in CRITERIA]
    return [each for each in asked if each]


def errors_beside_blue(blue: Figures, green: Figures, settings: Canary) -> Comparison | None:
    """Green must not fail more often than blue."""
    failed = Share(green.errors, green.requests)
    return Comparison("fail", failed, Share(blue.errors, blue.requests), settings.margin)


def errors_at_most(blue: Figures, green: Figures, settings: Canary) -> Comparison | None:
    """Green must not fail more often than [canary] max_error_rate."""
    return Comparison("fail", Share(green.errors, green.requests), most=settings.max_error_rate)


def slowness_beside_blue(blue: Figures, green: Figures, settings: Canary) -> Comparison | None:
    """Green must not take longer than blue's 99th percentile more often than blue does."""
    bound = blue.p99
    if bound is None or bound == inf:
        return None
    what = f"take longer than {humanize.short(bound)}"
    slow, others = _slower(green, bound), _slower(blue, bound)
    return Comparison(what, slow, others, settings.margin, len(blue.bounds))


def slowness_at_most(blue: Figures, green: Figures, settings: Canary) -> Comparison | None:
    """The 99th percentile of green must not be above [canary] max_p99."""
    limit = next((bound for bound in green.bounds if bound >= settings.max_p99), None)
    if not (settings.max_p99 and limit):
        return None
    return Comparison(f"take longer than {humanize.short(limit)}", _slower(green, limit), most=TAIL)


# Everything by which a canary is judged from figures.
CRITERIA: tuple[Callable[[Figures, Figures, Canary], Comparison | None], ...] = (
    errors_beside_blue,
    errors_at_most,
    slowness_beside_blue,
    slowness_at_most,
)


def _slower(figures: Figures, bound: float) -> Share:
    return Share(figures.slower(bound), figures.timed)


def _missing(blue: Figures, green: Figures, wanted: int) -> str:
    """ "green lacks 120 requests, blue lacks 3 requests"; empty when there are enough."""
    lacking = [(name, wanted - each.requests) for name, each in (("green", green), ("blue", blue))]
    parts = [f"{name} lacks {count} requests" for name, count in lacking if count > 0]
    return ", ".join(parts)
