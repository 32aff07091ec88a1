"""What the canary's statistics find, and how soon: `python -m tests.bench.canary`. Seeded; asks nobody."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from toolkit.canary.verdict import judge
from toolkit.clients.figures import Figures
from toolkit.config import Canary

from .traffic import Kind, hits, traffic

TERMS = Canary()
RUNS = 300
LOOK, LOOKS = 10, 500  # requests of green between two looks, and looks until patience is over
VISIT = 8  # requests of one session, on average

Pairs = Iterable[tuple[Figures, Figures]]


def main() -> None:
    print("A green that is worse: requests of green until it is bad (half of the runs, 99 of 100)")
    for blue, green in ((0, 1), (0, 0.1), (0, 0.03), (0, 0.02), (0.001, 0.03), (0.005, 0.03), (0.05, 0.1)):
        for share in (5, 25, 50):
            print(worse(Kind(blue), Kind(green), share))
    print("A green that takes twice as long")
    for share in (5, 25, 50):
        print(f"{share:4} %: {found(partial(slower, share=share))}")
    print("A green as good as blue: runs of a step that end well, in doubt, taken back")
    for failing in (0, 0.001, 0.01, 0.05):
        for share in (5, 50):
            print(equal(failing, share))
    print("One user in trouble: failed requests of green that make it bad, when all others are good")
    for together in (1, 2, 5, 10):
        print(f"together = {together:2}: {', '.join(trouble(of, together) for of in (300, 1000, 3000))}")
    print(f"Sessions of {VISIT} requests, 1 in 50 of which fails from beginning to end, on blue as on green")
    for together in (1, 2, 5, 10):
        terms = Canary(together=together)
        step = [end(sessions(seed), terms)[0] for seed in range(RUNS)].count("bad")
        watched = [end(sessions(seed), terms, stop=False)[0] for seed in range(RUNS)].count("bad")
        print(f"together = {together:2}: {step} of {RUNS} taken back, {watched} when watched on to the end")


def end(looks: Pairs, terms: Canary = TERMS, stop: bool = True) -> tuple[str, int]:
    """How a step ends, and after how many requests of green; with `stop`, at the first look that is good."""
    word, count = "", 0
    for blue, green in looks:
        word, count = judge(blue, green, terms).word, green.requests
        if word == "bad" or (stop and word == "good"):
            break
    return word, count


def found(looks: Callable[[int], Pairs]) -> str:
    ends = [end(looks(seed)) for seed in range(RUNS)]
    bad = sorted(count for word, count in ends if word == "bad")
    passed = sum(word == "good" for word, _ in ends)
    took = f"{bad[len(bad) // 2]:5} {bad[len(bad) * 99 // 100]:5}" if bad else "    -     -"
    doubt = RUNS - len(bad) - passed
    return f"{took}   passed {passed / RUNS:6.1%}, in doubt at the end {doubt / RUNS:6.1%}"


def worse(blue: Kind, green: Kind, share: int) -> str:
    said = found(lambda seed: traffic(seed, blue, green, share, LOOK, LOOKS))
    return f"{green.failing:6.1%} against {blue.failing:5.1%} at {share:2} %: {said}"


def slower(seed: int, share: int) -> Pairs:
    return traffic(seed, Kind(0, 0.04, 0.6), Kind(0, 0.08, 0.6), share, LOOK, LOOKS)


def equal(failing: float, share: int) -> str:
    both = Kind(failing)
    ends = [end(traffic(seed, both, both, share, LOOK, LOOKS))[0] for seed in range(RUNS)]
    watched = [end(traffic(seed, both, both, share, LOOK, LOOKS), stop=False)[0] for seed in range(RUNS)]
    counted = [ends.count(word) for word in ("good", "not yet", "bad")]
    return (
        f"{failing:6.1%} at {share:2} %: {counted[0]}, {counted[1]}, {counted[2]}; "
        f"taken back when watched on to the end: {watched.count('bad')}"
    )


def trouble(of: int, together: int) -> str:
    terms = Canary(together=together)
    bad = (n for n in range(of) if judge(Figures(19 * of, 0), Figures(of, n), terms).word == "bad")
    return f"{next(bad, of)} of {of}"


def sessions(seed: int) -> Iterator[tuple[Figures, Figures]]:
    """Whole sessions between two looks; a tenth of them on green."""
    dice = random.Random(seed)
    so_far = [Figures(), Figures()]
    for _ in range(LOOKS // 4):
        for number, count in enumerate((45, 5)):
            broken = hits(dice, count, 1 / 50)
            sizes = [1 + int(dice.expovariate(1 / (VISIT - 0.5))) for _ in range(count)]
            before = so_far[number]
            so_far[number] = Figures(before.requests + sum(sizes), before.errors + sum(sizes[:broken]))
        yield so_far[0], so_far[1]


if __name__ == "__main__":
    main()
