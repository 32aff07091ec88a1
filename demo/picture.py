"""`python -m demo.picture OUT.png`: Grafana's dashboard of a release, from Prometheus' own answers."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from testbed import monitoring
from testbed.chromium import PROGRAM
from testbed.load import LoadProcess
from testbed.monitoring import Prometheus
from testbed.project import Project, name_of_its_own

from . import drawing
from .drawing import Series

OLD, NEW = "1.6.7", "1.6.8"
PHASE_SECONDS = 20


def main() -> int:
    (out,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        project = Project(
            Path(folder) / "project", name_of_its_own("bgctl-picture"), migrate="navigation", mirror=50
        ).create()
        try:
            project.bgctl("up")
            with monitoring.prometheus(project, Path(folder) / "prometheus") as server:
                _show(server, _release(project), Path(out))
        finally:
            project.remove()
    return 0


def _release(project: Project) -> float:
    """Run a candidate, a canary and the switch under load. Returns the Unix time at which it began."""
    began = time.time()
    with LoadProcess(project.url, served={OLD, NEW}, rate=80, migrate="navigation") as load:
        for kind in ("cookie", "anonymous", "websocket"):
            load.spawn(kind, 15)
        time.sleep(PHASE_SECONDS)
        for command in (("up-green", NEW), ("route", "canary", "30"), ("route", "enable-green")):
            project.bgctl(*command)
            load.spawn("cookie", 10)
            time.sleep(PHASE_SECONDS)
        load.stop()
    return began


def _show(server: Prometheus, began: float, out: Path) -> None:
    answers = {panel["id"]: _answers(server, panel, began) for panel in monitoring.panels()}
    text = drawing.page(monitoring.dashboard()["panels"], answers)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1416, "height": 900})
        page.set_content(text)
        page.screenshot(path=out, full_page=True)
        browser.close()


def _answers(server: Prometheus, panel: dict[str, Any], began: float) -> list[Series]:
    end = time.time()
    found = []
    for target in panel["targets"]:
        for result in server.range(monitoring.substituted(target["expr"]), began, end, 2):
            points = [(float(at), float(value)) for at, value in result["values"] if value != "NaN"]
            is_now = points and end - points[-1][0] < 5
            if points and (is_now or panel["type"] != "stat"):
                found.append((_legend(target["legendFormat"], result["metric"]), points))
    return found


def _legend(form: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), form)


if __name__ == "__main__":
    sys.exit(main())
