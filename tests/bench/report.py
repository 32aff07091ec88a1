"""What the benchmark has found, as a table for people and as a document for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.rows import FAIR, Measured, Row

# Tables of which a part measures some rows.
TABLES = {"ratios", "spread", "microseconds", "raw", "cpu", "p50", "p99", "private_bytes", "measured"}
COLD = ("cold_hs256", "cold_es256", "cold_eddsa", "haproxy_cold_hs256", "refused")


def document(
    measured: Measured, rows: list[Row], more: dict[str, float], further: dict[str, Any]
) -> dict[str, Any]:
    """`ratios` to the plain nginx with the same requests, and `more`; `raw`, each round.

    A ratio is the median of the rounds' own: a machine's mood lasts longer than a round. `spread` has the
    quartiles of these.
    """
    cpu, p99 = measured.cpu, measured.p99
    pairs = {row.name: by_round(cpu[row.name], cpu[row.plain]) for row in rows if row.plain}
    pairs |= {name: by_round(cpu[name], cpu[FAIR]) for name in COLD if name in cpu}
    for size in ("10k", "200k"):
        if f"bearer_{size}" in p99:
            pairs[f"p99_{size}"] = by_round(p99[f"bearer_{size}"], p99[f"plain_{size}"])
    ratios = {name: statistics.median(values) for name, values in pairs.items()} | more
    return {
        "spread": {name: quartiles(values) for name, values in pairs.items()},
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        "microseconds": {name: round(statistics.median(values), 2) for name, values in cpu.items()},
        "raw": {"cpu": cpu, "p50": measured.p50, "p99": p99},
        **further,
    }


def by_round(values: Sequence[float], plain: Sequence[float]) -> list[float]:
    """The ratio of each round."""
    return [value / fair for value, fair in zip(values, plain, strict=True)]


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Half of the values are between these."""
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return round(low, 3), round(high, 3)


def write(path: Path, found: dict[str, Any], part: str) -> None:
    """What is there of other parts stays; `measured` says when each part was."""
    path.parent.mkdir(exist_ok=True)
    so_far = json.loads(path.read_text()) if path.exists() else {}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    whole = merged(so_far, {**found, "measured": {part: now}})
    path.write_text(json.dumps(whole, indent=2) + "\n")


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Tables of tables keep what the new one does not name."""
    both = {key: merged(old[key], new[key]) for key in TABLES & old.keys() & new.keys()}
    return old | new | both


def show(found: dict[str, Any]) -> None:
    """Prints a line for each row. Half of its rounds are within `spread`."""
    table = Table(
        "request", "CPU µs", "times plain", "spread", "p50 ms", "p99 ms", title="CPU of the proxies"
    )
    for name in found["raw"]["cpu"]:
        ratio, spread = found["ratios"].get(name), found["spread"].get(name)
        table.add_row(
            name,
            f"{found['microseconds'][name]:.1f}",
            f"{ratio:.2f}" if ratio else "",
            "{:.2f}-{:.2f}".format(*spread) if spread else "",
            f"{statistics.median(found['raw']['p50'][name]):.1f}",
            f"{statistics.median(found['raw']['p99'][name]):.1f}",
        )
    Console().print(table)
