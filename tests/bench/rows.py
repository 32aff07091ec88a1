"""The rows of the benchmark: who asks, of which proxy, and what a request of it costs.

Every row is measured in each round, one after the other, so that the machine's mood falls on all alike. What
a request costs is the CPU time of the proxy's processes, which is steadier than requests per second; a plain
nginx gets the very same requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import load
from tests.bench.clients import Clients
from tests.bench.rig import Subject

SECONDS = 2.0
WARM_SECONDS = 3.0
COLD_RATE = 4000  # requests in a second that are served at least, where nothing is known of their tokens
# Tokens of one round that nobody has seen before, more than are asked with: by row, and of which algorithm.
COLD = {
    "cold_hs256": ("ours", "HS256", 80_000),
    "cold_es256": ("ours", "ES256", 20_000),
    "cold_eddsa": ("ours", "EdDSA", 20_000),
    "haproxy_cold_hs256": ("haproxy", "HS256", 100_000),
}
REFUSED = 80_000


@dataclass(frozen=True)
class Row:
    """`subject` is asked by `clients`; `plain` is the row that it is compared with."""

    name: str
    subject: str
    clients: str
    plain: str


WARM = [
    *(Row(f"plain_{name}", "plain", name, "") for name in ("bearer", "cookie", "browser", "anonymous")),
    *(Row(f"plain_{name}", "plain", name, "") for name in ("pin", "session")),
    *(Row(name, "ours", name, f"plain_{name}") for name in ("bearer", "cookie", "pin", "session")),
    *(Row(name, "ours", name, f"plain_{name}") for name in ("browser", "anonymous")),
    Row("bearer_hs256", "ours", "hs256", "plain_bearer"),
    Row("haproxy_hs256", "haproxy", "hs256", "plain_bearer"),
]


def many(size: str) -> list[Row]:
    """The rows of so many sessions in rotation."""
    return [
        Row(f"plain_{size}", "plain", f"bearer_{size}", ""),
        Row(f"bearer_{size}", "ours", f"bearer_{size}", f"plain_{size}"),
        Row(f"haproxy_hs256_{size}", "haproxy", f"hs256_{size}", f"plain_{size}"),
    ]


@dataclass
class Measured:
    """Of each row, by round: microseconds of CPU for a request, and milliseconds that requests took."""

    cpu: dict[str, list[float]] = field(default_factory=dict)
    p50: dict[str, list[float]] = field(default_factory=dict)
    p99: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, seconds: float, run: load.Run) -> None:
        self.cpu.setdefault(name, []).append(seconds / run.requests * 1e6)
        self.p50.setdefault(name, []).append(run.p50)
        self.p99.setdefault(name, []).append(run.p99)


def warm(
    rows: list[Row],
    subjects: dict[str, Subject],
    scripts: dict[str, Path],
    rounds: int,
    into: Measured,
    clients: int = 0,
) -> Iterator[str]:
    """Measures rows whose clients come again and again; yields what is being done.

    Each of so many `clients` has been there before it counts.
    """
    for row in rows:
        yield f"{row.name}: warming up"
        seconds = max(WARM_SECONDS, clients / COLD_RATE)
        load.run(subjects[row.subject].url, scripts[row.clients], seconds)
    for number in range(1, rounds + 1):
        for row in rows:
            yield f"{row.name}: round {number} of {rounds}"
            _measure(row.name, subjects[row.subject], scripts[row.clients], into)


def cold(subjects: dict[str, Subject], clients: Clients, rounds: int, into: Measured) -> Iterator[str]:
    """Measures requests whose tokens nobody has seen before, and tokens that are refused."""
    for number in range(1, rounds + 1):
        for name, (subject, algorithm, count) in COLD.items():
            yield f"{name}: round {number} of {rounds}"
            served = _measure(name, subjects[subject], clients.cold(algorithm, count), into)
            assert served <= count, f"{name}: {count} tokens are too few"
        yield f"refused: round {number} of {rounds}"
        served = _measure("refused", subjects["ours"], clients.refused(REFUSED), into)
        assert served <= REFUSED, f"refused: {REFUSED} tokens are too few"


def _measure(name: str, subject: Subject, script: Path, into: Measured) -> int:
    """How many requests were served."""
    before = subject.cpu()
    run = load.run(subject.url, script, SECONDS)
    into.add(name, subject.cpu() - before, run)
    return run.requests
