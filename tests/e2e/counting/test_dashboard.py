"""The dashboard and the alerts against a real Prometheus that asks a real stack; and the list of metrics."""

from __future__ import annotations

import itertools
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from testbed import monitoring
from testbed.monitoring import Prometheus
from tests.e2e.support.stacks import NEW, Stack, eventually, running

ROOT = Path(__file__).parents[3]
EXPRESSIONS = [
    (panel["title"], target["expr"]) for panel in monitoring.panels() for target in panel["targets"]
]


@contextmanager
def traffic(stack: Stack) -> Iterator[None]:
    """Newcomers, log-ins, bad tokens and a WebSocket, until the end of the block."""
    stop = threading.Event()

    def ask() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            bad = {"Authorization": "Bearer a.b.c"} if number % 3 == 0 else {}
            requests.get(f"{stack.url}/", headers=bad, timeout=10)
            if number % 10 == 0:
                stack.log_in(f"u{number}")

    thread = threading.Thread(target=ask)
    with connect(f"ws://127.0.0.1:{stack.ports.proxy}/ws"):
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Prometheus]]:
    """A canary with traffic on both versions, after a while as a candidate that got copies."""
    folder = tmp_path_factory.mktemp("watched")
    with running(folder / "project", mirror=100) as stack:
        stack.bgctl("up-green", NEW)
        requests.get(f"{stack.url}/", timeout=10)
        with monitoring.prometheus(stack, folder / "prometheus") as server, traffic(stack):
            eventually(lambda: server.query("bgctl_mirrored_total"), "copies are counted")
            stack.bgctl("route", "canary", "50")
            yield stack, server


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_every_query_of_the_dashboard_answers(watched, title, expression):
    _, server = watched
    assert "$" not in monitoring.substituted(expression)

    def numbers():
        samples = server.query(monitoring.substituted(expression))
        return [sample for sample in samples if not math.isnan(float(sample["value"][1]))]

    eventually(numbers, f"{title}: {expression}")


def test_panels_lie_side_by_side_and_say_what_they_measure():
    taken: set[tuple[int, int]] = set()
    for panel in monitoring.dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    for panel in monitoring.panels():
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert all(target["datasource"]["uid"] == "bgctl-prometheus" for target in panel["targets"])
    source = (monitoring.MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text()
    assert "uid: bgctl-prometheus" in source


def test_a_good_release_alerts_nobody(watched):
    _, server = watched
    eventually(lambda: server.query("bgctl:errors:ratio_rate5m"), "the rules are evaluated")
    assert server.firing() <= {"BgctlCountsUnknown"}
    assert {sample["value"][1] for sample in server.query("up")} == {"1"}


def test_every_metric_is_documented_and_no_other(watched):
    stack, _ = watched
    exposed: set[str] = set()
    for url in (stack.control_url, stack.api_url):
        for family in text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=10).text):
            name = family.name + ("_total" if family.type == "counter" else "")
            if not name.endswith("_created"):
                exposed.add(name)
    documented = set(re.findall(r"^\| `(bgctl_\w+)", (ROOT / "docs" / "metrics.md").read_text(), re.M))
    assert documented == exposed


def test_every_alert_is_documented():
    alerts = set(re.findall(r"alert: (\w+)", (monitoring.MONITORING / "alerts.yml").read_text()))
    documented = set(re.findall(r"^\| `(Bgctl\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.M))
    assert documented == alerts
