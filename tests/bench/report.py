"""What the benchmark has found, as a table for people and as a document for programs."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.rows import Measured, Row

COLD = ("cold_hs256", "cold_es256", "cold_eddsa", "haproxy_cold_hs256", "refused")
FAIR = "plain_bearer"  # what cold requests are compared with


def document(measured: Measured, rows: list[Row], further: dict[str, Any]) -> dict[str, Any]:
    """`ratios` to the plain nginx with the same requests, of medians; `raw`, each round of each row."""
    cpu = {name: statistics.median(values) for name, values in measured.cpu.items()}
    ratios = {row.name: cpu[row.name] / cpu[row.plain] for row in rows if row.plain and row.name in cpu}
    ratios |= {name: cpu[name] / cpu[FAIR] for name in COLD if name in cpu}
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


def write(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")


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
