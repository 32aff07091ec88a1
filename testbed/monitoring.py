"""A real Prometheus with the configuration of compose/monitoring, and what Grafana's dashboard asks of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import requests

from testbed.ports import Ports
from testbed.project import ROOT, Project

MONITORING = ROOT / "compose" / "monitoring"
DASHBOARD = MONITORING / "grafana" / "dashboards" / "bgctl.json"
VARIABLES = {"$instance": ".*", "$__rate_interval": "10s", "$__interval": "5s"}
START_SECONDS = 30.0  # for Prometheus to become ready


@dataclass(frozen=True)
class Prometheus:
    """The HTTP API of a running Prometheus."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query. Raises AssertionError with what Prometheus says of a bad one."""
        return self._ask("query", query=expression)

    def range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        return self._ask("query_range", query=expression, start=start, end=end, step=step)

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {sample["metric"]["alertname"] for sample in self.query('ALERTS{alertstate="firing"}')}

    def _ask(self, kind: str, **parameters: str | float) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/api/v1/{kind}", params=parameters, timeout=10).json()
        if answer["status"] != "success":
            raise AssertionError(f"{parameters['query']}: {answer['error']}")
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


def dashboard() -> dict[str, Any]:
    """Grafana's dashboard."""
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def panels() -> list[dict[str, Any]]:
    """The panels of Grafana's dashboard, without the headings between them."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def substituted(expression: str) -> str:
    """A panel's query, with values in place of Grafana's variables."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


@contextmanager
def prometheus(project: Project, folder: Path) -> Iterator[Prometheus]:
    """Runs `prometheus` in `folder`, which asks the project's proxy and session API each second."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(json.dumps(_configuration(project)))
    address = f"127.0.0.1:{Ports.free().proxy}"
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address={address}"]
    command.append(f"--storage.tsdb.path={folder / 'data'}")
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(f"http://{address}/-/ready", folder / "log")
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()


def _configuration(project: Project) -> dict[str, Any]:
    configuration: dict[str, Any] = msgspec.yaml.decode((MONITORING / "prometheus.yml").read_bytes())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(MONITORING / "alerts.yml")]
    ports = {"bgctl-proxy": project.ports.control, "bgctl-session-api": project.ports.api}
    for job in configuration["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    return configuration


def _wait(url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(f"prometheus does not answer: {log.read_text()}")
