"""The same full cycle on podman, with its compose: release, drain, promote, release, roll back."""

from __future__ import annotations

import pytest
import requests

from testbed.load import LoadProcess
from testbed.project import Project, name_of_its_own
from tests.e2e.support.stacks import NEW, OLD, eventually, unlabelled

NEXT = "1.6.9"


def comes_back(project):
    """Whether the engine restarts green when it dies (threat 80): this podman has to be told at the start."""
    (green,) = project.containers("frontend-green")
    return (
        project.engine_says("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", green).strip()
        != "no"
    )


@pytest.mark.podman
def test_a_full_cycle_on_podman(tmp_path):
    project = Project(tmp_path / "project", name_of_its_own("bgtpodman"), engine="podman", idle_timeout="5s")
    project.create()
    try:
        project.bgctl("up")
        with LoadProcess(project.url, served={OLD}, rate=100) as load:
            load.spawn("cookie", 10)
            load.spawn("anonymous", 10)
            load.spawn("websocket", 10)
            eventually(lambda: load.snapshot().sessions.get(OLD, 0) == 30, "everyone is on the old version")
            project.bgctl("up-green", NEW)
            load.set_served({OLD, NEW})
            project.bgctl("route", "enable-green")
            assert comes_back(project)
            project.bgctl("drain", "--auto", code=5)
            load.log_out(version=OLD)
            load.log_out(version=OLD, visitors=True)
            project.bgctl("drain", "--timeout", "60s")
            load.set_served({NEW})
            project.bgctl("promote")
            project.bgctl("up-green", NEXT)
            load.set_served({NEW, NEXT})
            project.bgctl("route", "enable-green")
            load.set_served({NEW})
            project.bgctl("rollback")
            tally = load.stop()
        assert tally.clean, tally
        assert unlabelled(project) == set()
        assert project.error_log() == []
        answer = requests.get(f"{project.url}/api/whoami", timeout=10)
        assert answer.json()["version"] == NEW
        status = project.ask("status")
        assert (status["phase"], status["differences"]) == ("rest", [])
        (project.directory / "compose.yaml").write_text(
            (project.directory / "compose.yaml")
            .read_text()
            .replace("      GRACE:", "      FEATURE: one\n      GRACE:")
        )
        project.bgctl("restart")
        assert requests.get(f"{project.url}/api/whoami", timeout=10).json()["feature"] == "one"
        assert project.ask("status")["differences"] == []
        assert "Slipway" in project.bgctl("logs", "blue").stdout
        assert "Slipway" in project.bgctl("logs", OLD).stdout, "what was replaced can still be read"
        assert [each["outcome"] for each in project.ask("history") if each["new"]] == [
            "released",
            "taken back",
        ]
        done = project.bgctl("exec", "--", "sh", "-c", "cat; exit 7", code=7, stdin="typed")
        assert done.stdout == "typed"
        project.bgctl("down", "--yes")
        assert project.containers() == []
        assert project.engine_says("network", "ls", "--quiet", "--filter", f"name={project.name}") == ""
    finally:
        project.remove()
    assert project.containers() == []
