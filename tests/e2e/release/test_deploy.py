"""Releases that run themselves: by one command, or by cron, while people leave one by one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from testbed.load import LoadProcess
from testbed.project import BGCTL
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running
from toolkit.clock import at_most_every

NEXT = "1.6.9"
IDLE = "5s"
USERS, LEAVING_EVERY = 24, 0.25


@pytest.fixture
def site(tmp_path) -> Iterator[Stack]:
    with running(tmp_path / "project", idle_timeout=IDLE) as one:
        yield one


def people_on(load: LoadProcess, version: str) -> int:
    return load.snapshot().sessions.get(version, 0)


def arrive(load: LoadProcess, version: str) -> None:
    for kind in ("cookie", "bearer", "websocket"):
        load.spawn(kind, USERS // 3)
    eventually(lambda: people_on(load, version) == USERS, f"everybody is on {version}")


def test_deploy_runs_a_whole_release_unattended(site):
    """Nobody at the keyboard, no terminal; zero failed, and the old version goes when the last has left."""
    with LoadProcess(site.url, served={OLD}, rate=100) as load:
        arrive(load, OLD)
        load.set_served({OLD, NEW})
        release = site.start(
            "deploy", NEW, "--yes", "--skip-build", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        eventually(lambda: site.state()["phase"] == "draining", "the drain has begun")
        load.leave(OLD, LEAVING_EVERY, come_back=True)
        eventually(lambda: people_on(load, OLD) == 0, "the last one has left")
        load.set_served({NEW})
        said, _ = release.communicate(timeout=120)
        tally = load.stop()
    assert release.returncode == 0, said
    assert tally.clean, tally
    status = site.ask("status")
    assert (status["phase"], status["slots"]["blue"]["version"]) == ("rest", NEW)
    assert site.containers("frontend-green") == []
    steps = ["up-green", "switch", "drain", "promote"]
    assert [step for step in steps if step in said] == steps, said
    assert site.bgctl("deploy", NEW, "--yes").returncode == 0, "again: nothing to do"


@pytest.mark.threat(48)
def test_48_cron_drains_and_promotes_while_people_leave(site):
    """As crontab would start it, again and again: silent until there is something to say."""
    bare = {"PATH": "/usr/bin:/bin"}
    command = [str(BGCTL), "--project", str(site.directory), "drain", "--auto"]
    looks: list[tuple[int, str]] = []
    cron = at_most_every(1, lambda: str(look()))  # real cron looks each minute

    def look() -> int:
        done = subprocess.run(
            command, env=bare, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/"
        )
        looks.append((done.returncode, done.stdout + done.stderr))
        return done.returncode

    assert look() == 0, "nothing is draining"
    with LoadProcess(site.url, served={OLD}, rate=100) as load:
        arrive(load, OLD)
        load.set_served({OLD, NEW})
        site.start_of_release()
        assert look() == 5
        load.leave(OLD, LEAVING_EVERY)
        eventually(lambda: cron() == "5" and people_on(load, OLD) == 0, "the last one has left")
        load.spawn("cookie", 5)
        load.set_served({NEW})
        eventually(lambda: cron() == "0", "promoted")
        tally = load.stop()
    assert tally.clean, tally
    assert [said for code, said in looks[:-1]] == [""] * (len(looks) - 1), "silent while there is nothing new"
    assert NEW in looks[-1][1]
    assert site.state()["phase"] == "rest"
    assert look() == 0
    assert looks[-1][1] == ""


def test_what_is_left_at_the_deadline_moves_at_its_next_request(tmp_path):
    with running(tmp_path / "project", deadline="2s") as site:
        browser = site.log_in("ada")
        assert site.version_of(browser) == OLD
        site.start_of_release()
        eventually(
            lambda: site.bgctl("drain", "--auto", code=None).returncode == 0, "the deadline has passed"
        )
        assert site.state()["phase"] == "rest"
        assert site.version_of(browser) == NEW


def test_an_interrupted_deploy_goes_on_where_it_was(site):
    browser = site.log_in("ada")
    release = site.start(
        "deploy", NEW, "--yes", "--skip-build", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    eventually(lambda: site.state()["phase"] == "draining", "the drain has begun")
    os.kill(release.pid, 2)
    said, _ = release.communicate(timeout=60)
    assert release.returncode == 130, said
    assert "goes on from here" in said
    assert site.version_of(browser) == OLD, "nobody has been moved"
    browser.post(f"{site.url}/logout", timeout=10, allow_redirects=False)
    done = site.bgctl("deploy", NEW, "--yes", "--skip-build")
    assert site.state()["phase"] == "rest", done.stdout
    assert f"green runs {NEW} already" in done.stdout
    assert f"{NEW} is stable" in done.stdout


def test_a_deploy_of_a_broken_version_is_taken_back(stack):
    browser = stack.log_in("ada")
    stack.configure(
        health_timeout="5s"
    )  # for so long a candidate may take to be healthy, and this one never is
    done = stack.bgctl("deploy", "1.6.8-unhealthy", "--yes", "--skip-build", code=1)
    assert stack.state()["phase"] == "rest"
    assert stack.containers("frontend-green") == []
    assert stack.version_of(browser) == OLD
    assert "undone" in done.stdout + done.stderr or "next:" in done.stdout + done.stderr
    assert stack.bgctl("deploy", NEXT, code=3).returncode == 3, "nobody to ask, and nothing changed"
    assert stack.state()["phase"] == "rest"


def test_monitor_and_status_show_the_release(stack):
    ada = stack.log_in("ada")
    stack.start_of_release()
    eventually(
        lambda: stack.version_of(ada) == OLD and stack.census()["versions"][OLD]["sessions"] == 1,
        "ada is counted, for as long as she makes requests",
    )
    picture = stack.bgctl("monitor", "--once").stdout
    assert all(word in picture for word in (OLD, NEW, "ada@example.test", "drain"))
    assert stack.ask("monitor")["slots"]["blue"]["sessions"] == 1
    assert "ada@example.test" in stack.bgctl("sessions", "--users").stdout
    assert "ada@example.test" not in stack.bgctl("sessions").stdout
    assert stack.ask("status")["silent"] == {}
