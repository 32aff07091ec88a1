"""The document of the benchmark, of which parts are measured at different times."""

import json
from pathlib import Path

from tests.bench import markdown, report
from tests.bench.load import Run
from tests.bench.rows import Measured, Row

ROWS = [Row("plain_tls_h1", "plain", "tls_h1", ""), Row("bearer_tls_h1", "ours", "tls_h1", "plain_tls_h1")]
SWITCHES = {"p50": [1.0, 1.0], "p99": [2.0, 4.0], "longest": [5.0, 9.0], "requests": [100, 100]}


def measured() -> Measured:
    found = Measured()
    for seconds in (0.020, 0.021, 0.022):
        found.add("plain_tls_h1", seconds, Run(1000, 1.0, 2.0))
        found.add("bearer_tls_h1", 2 * seconds, Run(1000, 1.5, 3.0))
    return found


def test_ratios_are_to_the_plain_row_of_the_same_requests() -> None:
    found = report.document(measured(), ROWS, {"more": 1.0}, {"switch_ms": [1]})
    assert found["ratios"] == {"bearer_tls_h1": 2.0, "more": 1.0}
    assert found["microseconds"] == {"plain_tls_h1": 21.0, "bearer_tls_h1": 42.0}
    assert found["switch_ms"] == [1]


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    """Medians of each row would compare a calm round of one with a busy round of the other."""
    found = Measured()
    for plain, ours in ((1, 2), (10, 20), (11, 22), (3, 9), (2, 8)):
        found.add("plain_tls_h1", plain, Run(1000, 1.0, 2.0))
        found.add("bearer_tls_h1", ours, Run(1000, 1.0, 2.0))
    document = report.document(found, ROWS, {}, {})
    assert document["ratios"] == {"bearer_tls_h1": 2.0}
    assert document["spread"] == {"bearer_tls_h1": (2.0, 3.0)}


def test_what_was_measured_before_of_other_parts_stays(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    report.write(path, report.document(measured(), ROWS, {}, {}), "tls")
    report.write(path, {"ratios": {"switch_p99_10k": 1.1}, "under_switch_ms": {"quiet": 1}}, "under-switch")
    found = json.loads(path.read_text())
    assert found["ratios"] == {"bearer_tls_h1": 2.0, "switch_p99_10k": 1.1}
    assert found["raw"]["p99"]["bearer_tls_h1"] == [3.0, 3.0, 3.0]
    assert set(found["measured"]) == {"tls", "under-switch"}
    report.write(path, {"under_switch_ms": {"routes": 2}}, "under-switch")
    assert json.loads(path.read_text())["under_switch_ms"] == {"routes": 2}


def test_the_page_has_the_tables_of_what_was_measured_and_no_others() -> None:
    kinds = dict.fromkeys(("quiet", "generation"), SWITCHES) | {
        "routes": SWITCHES | {"p99": [2.0, 12.0], "longest": [5.0, 30.0]}
    }
    found = report.document(measured(), ROWS, {}, {"under_switch_ms": kinds, "measured": {}})
    lines = list(markdown.text(found))
    assert [line for line in lines if line.startswith("## ")] == ["## TLS", "## A switch under load"]
    assert "| HTTP/1.1, a token as bearer, HS256 | 21.0 | 42.0 | 2.00 | 2.00-2.00 | 3.0 · 2.0 |" in lines
    assert "| new sessions go elsewhere (2 seconds) | 1.0 · 7.0 | 30 | 2.00 | 1.50-2.50 |" in lines
