"""Every alert of compose/monitoring: when it fires, and when it does not. `promtool` runs the rules."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.whole

MONITORING = Path(__file__).parents[3] / "compose" / "monitoring"
RULES = msgspec.yaml.decode((MONITORING / "alerts.yml").read_bytes())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]

ANSWERS = 'bgctl_requests_total{slot="%s",status="%s"}'
FAILOVERS = 'bgctl_failovers_total{slot="%s"}'
COPIES = 'bgctl_mirrored_total{slot="green",version="2",outcome="%s"}'
DRAIN, DEADLINE = 'bgctl_api_drain_start_timestamp_seconds{version="1"}', "bgctl_drain_deadline_seconds"

SEEN = 'bgctl_shared_memory_bytes{dictionary="bg_seen"}'
EXPIRY = 'bgctl_certificate_expiry_timestamp_seconds{host="shop.example"}'  # promtool's clock begins with 0


def traffic(**errors: float) -> dict[str, str]:
    """A hundred requests a minute to each of these slots, of which so many fail."""
    series = {}
    for slot, failed in errors.items():
        series[ANSWERS % (slot, "2xx")] = f"0+{100 - failed:g}x60"
        series[ANSWERS % (slot, "5xx")] = f"0+{failed:g}x60"
        series[FAILOVERS % slot] = "0+0x60"
    return series


# By alert: series with which it fires after half an hour, and with which it does not; a value a minute.
CASES: dict[str, tuple[list[dict[str, str]], list[dict[str, str]]]] = {
    "BgctlProxyDown": ([{'up{job="bgctl-proxy"}': "0x60"}], [{'up{job="bgctl-proxy"}': "1x60"}]),
    "BgctlSessionApiDown": (
        [{'up{job="bgctl-session-api"}': "0x60"}],
        [{'up{job="bgctl-session-api"}': "1x60"}],
    ),
    "BgctlWorkersMissing": (
        [{'bgctl_workers{state="serving"}': "1x60", "bgctl_workers_expected": "2x60"}],
        [
            {'bgctl_workers{state="serving"}': "2x60", "bgctl_workers_expected": "2x60"},
            {
                'bgctl_workers{state="serving"}': "2x60",
                'bgctl_workers{state="leaving"}': "1x60",
                "bgctl_workers_expected": "2x60",
            },
        ],
    ),
    "BgctlStateStale": ([{"bgctl_state_age_seconds": "9x60"}], [{"bgctl_state_age_seconds": "0.05x60"}]),
    "BgctlGenerationsDiffer": (
        [{"bgctl_state_generation": "7x60", "bgctl_state_generation_highest": "8x60"}],
        [
            {"bgctl_state_generation": "8x60", "bgctl_state_generation_highest": "8x60"},
            # One look in between, as at a switch.
            {"bgctl_state_generation": "7x29 7 8x30", "bgctl_state_generation_highest": "7x29 8 8x30"},
        ],
    ),
    "BgctlRoutingFaults": ([{"bgctl_faults_total": "0x27 1x30"}], [{"bgctl_faults_total": "3x60"}]),
    "BgctlSlotDown": ([{'bgctl_slot_up{slot="green"}': "0x60"}], [{'bgctl_slot_up{slot="green"}': "1x60"}]),
    "BgctlNodeNotReady": (
        [{"bgctl_node_ready": "0x60"}],
        [{"bgctl_node_ready": "1x60"}, {"bgctl_node_ready": "1x20 0x9 1x30"}],
    ),
    "BgctlErrors": ([traffic(blue=9), traffic(blue=0, green=50)], [traffic(blue=2, green=4)]),
    "BgctlGreenWorse": (
        [
            traffic(blue=1, green=5),
            traffic(green=2),
            traffic(blue=0)
            | {ANSWERS % ("green", "2xx"): "0+100x60", ANSWERS % ("green", "5xx"): "0x60"}
            | {FAILOVERS % "green": "0+3x60"},
        ],
        [traffic(blue=0, green=0.5), traffic(blue=4, green=6), traffic(blue=50), traffic(green=0)],
    ),
    "BgctlCandidateFails": (
        [
            {COPIES % "2xx": "0+90x60", COPIES % "5xx": "0+10x60"},
            {COPIES % "2xx": "0x60", COPIES % "failed": "0+9x60"},
        ],
        [
            {COPIES % "2xx": "0+90x60", COPIES % "dropped": "0+90x60"},
            {COPIES % "2xx": "0+99x60", COPIES % "5xx": "0+1x60"},
        ],
    ),
    "BgctlDrainPastDeadline": (
        [{DRAIN: "0x60", DEADLINE: "600x60"}],
        [{DRAIN: "0x60", DEADLINE: "1700x60"}, {DRAIN: "0x60"}, {DEADLINE: "600x60"}],
    ),
    "BgctlStoreDown": ([{"bgctl_api_store_up": "0x60"}], [{"bgctl_api_store_up": "1x60"}]),
    "BgctlCountsUnknown": ([{"bgctl_api_counts_known": "0x60"}], [{"bgctl_api_counts_known": "0x24 1x30"}]),
    "BgctlActivityDropped": (
        [{"bgctl_activity_dropped_total": "0x25 5x30"}],
        [{"bgctl_activity_dropped_total": "5x60"}],
    ),
    "BgctlActivityStuck": (
        [{"bgctl_activity_queued": "300x60"}],
        [{"bgctl_activity_queued": "300x28 3x30"}, {"bgctl_activity_queued": "50x60"}],
    ),
    "BgctlCertificateExpires": (
        [{EXPIRY: f"{13 * 86400}x60"}, {EXPIRY: "0x60"}],
        [{EXPIRY: f"{15 * 86400}x60"}, {}],
    ),
    "BgctlConnectionsFull": (
        [{"bgctl_connections": "7000x60", "bgctl_connections_most": "8192x60"}],
        [{"bgctl_connections": "6000x60", "bgctl_connections_most": "8192x60"}],
    ),
    "BgctlSessionsNearlyFull": (
        [
            {SEEN: f"{52 << 20}x60", 'bgctl_api_sessions{version="1"}': "90000x60"}
            | {'bgctl_api_sessions{version="2"}': "90000x60"},
            {'bgctl_shared_memory_bytes{dictionary="bg_visitors"}': f"{52 << 20}x60"}
            | {'bgctl_api_visitors{version="1"}': "180000x60"},
        ],
        [
            {SEEN: f"{52 << 20}x60", 'bgctl_api_sessions{version="1"}': "150000x60"},
            {SEEN: f"{52 << 20}x60"},
        ],
    ),
    "BgctlMemoryFull": (
        [{"bgctl_activity_forgotten_total": "0x25 1x30"}],
        [{"bgctl_activity_forgotten_total": "1x60"}],
    ),
}


def scenario(alert: str, series: dict[str, str], fires: bool) -> dict[str, object]:
    """A promtool test: whether the alert fires at half an hour, with these series."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > 0',
                "eval_time": "30m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_every_alert_is_tested_and_says_what_is_the_matter():
    assert set(CASES) == {rule["alert"] for rule in ALERTS}
    for rule in ALERTS:
        assert rule["annotations"]["summary"].endswith((".", "why."))
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize("alert", CASES)
def test_it_fires_and_does_not(alert, tmp_path):
    fires, does_not = CASES[alert]
    tests = [scenario(alert, series, True) for series in fires]
    tests += [scenario(alert, series, False) for series in does_not]
    document = {"rule_files": [str(MONITORING / "alerts.yml")], "evaluation_interval": "1m", "tests": tests}
    path = tmp_path / "tests.yml"
    path.write_text(json.dumps(document))
    promtool("test", "rules", str(path))


def test_the_configuration_is_good():
    promtool("check", "config", str(MONITORING / "prometheus.yml"))
