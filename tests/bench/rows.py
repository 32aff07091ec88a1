"""The rows of the benchmark: who asks, of which proxy, and what a request of it costs.

Every row is measured in each round, one after the other, so that the machine's mood falls on all alike. What
a request costs is the CPU time of the proxy's processes, which is steadier than requests per second; a plain
nginx gets the very same requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import load
from tests.bench.clients import TOKENS, Clients
from tests.bench.rig import Subject

SECONDS = 1.0
WARM_SECONDS = 3.0
COLD_RATE = 4000  # requests in a second that are served at least, where nothing is known of their tokens
# Tokens of one round that nobody has seen before, more than are asked with: by row, and of which algorithm.
COLD = {
    "cold_hs256": ("ours", "HS256", 40_000),
    "cold_es256": ("ours", "ES256", 10_000),
    "cold_eddsa": ("ours", "EdDSA", 10_000),
    "haproxy_cold_hs256": ("haproxy", "HS256", 50_000),
}
REFUSED = 40_000
FAIR = "plain_cold"  # what they are compared with; to plain all tokens are alike

Load = Callable[[Subject, float], load.Run]  # asks a proxy for so many seconds


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
    Row("njs_hs256", "njs", "hs256", "plain_bearer"),
    Row("caddy_cookie", "caddy", "cookie", "plain_cookie"),
]
# Of proxies that take TLS, and of those through which WebSockets are held.
TLS = [
    Row(f"{name}_tls_{version}", subject, f"tls_{version}", f"plain_tls_{version}" if name != "plain" else "")
    for version in ("h1", "h2")
    for name, subject in (("plain", "plain"), ("bearer", "ours"), ("haproxy", "haproxy"))
]
SOCKETS = [
    Row("plain_messages", "plain", "messages", ""),
    *(Row(f"{name}_messages", name, "messages", "plain_messages") for name in ("ours", "haproxy")),
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
    loads: dict[str, Load],
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
        loads[row.clients](subjects[row.subject], seconds)
    for number in range(1, rounds + 1):
        for row in rows:
            yield f"{row.name}: round {number} of {rounds}"
            _measure(row.name, subjects[row.subject], loads[row.clients], into)


def cold(subjects: dict[str, Subject], clients: Clients, rounds: int, into: Measured) -> Iterator[str]:
    """Measures requests whose tokens nobody has seen before, and tokens that are refused."""
    fair = by_wrk(clients.many(FAIR, "HS256", TOKENS))
    for number in range(1, rounds + 1):
        yield f"{FAIR}: round {number} of {rounds}"
        _measure(FAIR, subjects["plain"], fair, into)
        for name, (subject, algorithm, count) in COLD.items():
            yield f"{name}: round {number} of {rounds}"
            served = _measure(name, subjects[subject], by_wrk(clients.cold(algorithm, count)), into)
            assert served <= count, f"{name}: {count} tokens are too few"
        yield f"refused: round {number} of {rounds}"
        served = _measure("refused", subjects["ours"], by_wrk(clients.refused(REFUSED)), into)
        assert served <= REFUSED, f"refused: {REFUSED} tokens are too few"


def by_wrk(script: Path) -> Load:
    return lambda subject, seconds: load.run(subject.url, script, seconds)


def _measure(name: str, subject: Subject, ask: Load, into: Measured) -> int:
    """How many requests were served."""
    before = subject.cpu()
    run = ask(subject, SECONDS)
    into.add(name, subject.cpu() - before, run)
    return run.requests
