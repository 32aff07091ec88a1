"""The parts of the benchmark that need proxies: what each measures, and where it leaves what it has found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import allocated, h2load, instructions, rows, sockets, under_switch
from tests.bench.clients import Clients
from tests.bench.rig import Rig, Subject
from tests.bench.rows import Load, Measured, Row

FEW_ROUNDS, SWITCHES = 9, 30
SIZES = {"10k": 10_000, "200k": 200_000}


@dataclass
class Bench:
    """All that parts share. `rows` are those that were measured; `further`, what is no row, by its name."""

    rig: Rig
    subjects: dict[str, Subject]
    clients: Clients
    rounds: int
    measured: Measured = field(default_factory=Measured)
    rows: list[Row] = field(default_factory=list)
    further: dict[str, Any] = field(default_factory=lambda: {"private_bytes": {}})
    ratios: dict[str, float] = field(default_factory=dict)

    @property
    def few(self) -> int:
        return min(self.rounds, FEW_ROUNDS)

    def compare(self, of: list[Row], loads: dict[str, Load], rounds: int, clients: int = 0) -> Iterator[str]:
        self.rows += of
        return rows.warm(of, self.subjects, loads, rounds, self.measured, clients)

    def weigh(self, name: str) -> None:
        """Notes how much memory our worker has to itself by now."""
        self.further["private_bytes"][name] = self.subjects["ours"].private_bytes()


def warm(bench: Bench) -> Iterator[str]:
    bench.weigh("idle")
    yield from bench.compare(rows.WARM, _by_wrk(bench.clients.warm()), bench.rounds)
    bench.weigh("warm")


def cold(bench: Bench) -> Iterator[str]:
    yield from rows.cold(bench.subjects, bench.clients, bench.few, bench.measured)


def many(bench: Bench, size: str) -> Iterator[str]:
    count = SIZES[size]
    names = {f"bearer_{size}": "EdDSA", f"hs256_{size}": "HS256"}
    scripts = {name: bench.clients.many(name, algorithm, count) for name, algorithm in names.items()}
    yield from bench.compare(rows.many(size), _by_wrk(scripts), bench.few, count)
    bench.weigh(size)


def web_sockets(bench: Bench) -> Iterator[str]:
    (token,) = bench.clients.tokens("HS256", 1)
    silent = bench.further["silent_sockets"] = {}
    with sockets.echo(bench.rig.ports["echo"]):
        for name in ("plain", "ours", "haproxy"):
            yield f"{name}: {sockets.SILENT} silent WebSockets"
            silent[name] = sockets.silent(bench.subjects[name], token)
        yield from bench.compare(rows.SOCKETS, {"messages": sockets.messages(token)}, bench.few)


def count_instructions(bench: Bench) -> Iterator[str]:
    found = bench.further["instructions"] = {}
    yield from instructions.measure(bench.rig, bench.clients, found)
    bench.ratios |= instructions.ratios(found)


def count_bytes(bench: Bench) -> Iterator[str]:
    yield from allocated.measure(bench.rig, bench.clients, bench.further.setdefault("allocated_bytes", {}))


def tls(bench: Bench) -> Iterator[str]:
    bench.rig.serve_tls()
    headers = [f"Authorization: Bearer {bench.clients.tokens('HS256', 1)[0]}"]

    def by(version: str) -> Load:
        return lambda subject, seconds: h2load.run(bench.rig.tls_url(subject), version, headers, seconds)

    loads = {f"tls_{version}": by(version) for version in h2load.VERSIONS}
    yield from bench.compare(rows.TLS, loads, bench.few)


def switch_under_load(bench: Bench) -> Iterator[str]:
    found = bench.further["under_switch_ms"] = {}
    script = bench.clients.many("under_switch", "EdDSA", SIZES["10k"])
    yield from under_switch.measure(bench.rig, bench.subjects["ours"], script, SWITCHES, found)
    bench.ratios |= under_switch.ratios(found)


# In this order: with [tls] browsers' cookies get other names, and a switch leaves a release under way.
PARTS: dict[str, Callable[[Bench], Iterator[str]]] = {
    "warm": warm,
    "cold": cold,
    "10k": lambda bench: many(bench, "10k"),
    "200k": lambda bench: many(bench, "200k"),
    "sockets": web_sockets,
    "instructions": count_instructions,
    "bytes": count_bytes,
    "tls": tls,
    "under-switch": switch_under_load,
}


def _by_wrk(scripts: dict[str, Path]) -> dict[str, Load]:
    return {name: rows.by_wrk(script) for name, script in scripts.items()}
