"""What the benchmark has found, as a table for people and as a document for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.rows import FAIR, Measured, Row

# Tables of which a part measures some rows.
TABLES = {"ratios", "microseconds", "raw", "cpu", "p50", "p99", "private_bytes", "measured"}
COLD = ("cold_hs256", "cold_es256", "cold_eddsa", "haproxy_cold_hs256", "refused")


def document(
    measured: Measured, rows: list[Row], more: dict[str, float], further: dict[str, Any]
) -> dict[str, Any]:
    """`ratios` to the plain nginx with the same requests, of medians, and `more`; `raw`, each round."""
    cpu = {name: statistics.median(values) for name, values in measured.cpu.items()}
    ratios = {row.name: cpu[row.name] / cpu[row.plain] for row in rows if row.plain}
    ratios |= {name: cpu[name] / cpu[FAIR] for name in COLD if name in cpu} | more
    p99 = {name: statistics.median(values) for name, values in measured.p99.items()}
    for size in ("10k", "200k"):
        if f"bearer_{size}" in p99:
            ratios[f"p99_{size}"] = p99[f"bearer_{size}"] / p99[f"plain_{size}"]
    return {
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        "microseconds": {name: round(value, 2) for name, value in cpu.items()},
        "raw": {"cpu": measured.cpu, "p50": measured.p50, "p99": measured.p99},
        **further,
    }


def write(path: Path, found: dict[str, Any], parts: Iterable[str]) -> None:
    """What is there of other parts stays; `measured` says when each part was."""
    path.parent.mkdir(exist_ok=True)
    so_far = json.loads(path.read_text()) if path.exists() else {}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    whole = merged(so_far, {**found, "measured": dict.fromkeys(parts, now)})
    path.write_text(json.dumps(whole, indent=2) + "\n")


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Tables of tables keep what the new one does not name."""
    both = {key: merged(old[key], new[key]) for key in TABLES & old.keys() & new.keys()}
    return old | new | both


def show(found: dict[str, Any]) -> None:
    """Prints a line for each row, with the spread of its rounds."""
    table = Table(
        "request", "CPU µs", "spread", "times plain", "p50 ms", "p99 ms", title="CPU of the proxies"
    )
    for name, values in found["raw"]["cpu"].items():
        ratio = found["ratios"].get(name)
        table.add_row(
            name,
            f"{found['microseconds'][name]:.1f}",
            f"{min(values):.1f}-{max(values):.1f}",
            f"{ratio:.2f}" if ratio else "",
            f"{statistics.median(found['raw']['p50'][name]):.1f}",
            f"{statistics.median(found['raw']['p99'][name]):.1f}",
        )
    Console().print(table)
