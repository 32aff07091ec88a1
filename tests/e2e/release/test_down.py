"""`bgctl down` in the middle of a release, and `up` brings it back; `bgctl logs -f` over its promotion."""

from __future__ import annotations

import json
import signal
import subprocess
import threading

from testbed.project import BGCTL
from tests.e2e.support.stacks import NEW, OLD, eventually, running

STARTED = "Slipway {} listens"  # what the demo app says at its start


class Following:
    """`bgctl logs -f` of the whole project: what it has said up to now."""

    def __init__(self, site, *argv):
        command = [str(BGCTL), "--project", str(site.directory), "logs", "-f", "--json", *argv]
        self.process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines: list[dict[str, str]] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout or ():
            self.lines.append(json.loads(line))

    def said(self, service, what):
        return [line for line in self.lines if line["service"] == service and what in line["line"]]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.reader.join(timeout=20)
        if self.process.stdout:
            self.process.stdout.close()
        return self.process.wait(timeout=20)


def networks(site):
    return site.engine_says(
        "network", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={site.name}"
    )


def test_down_in_a_release_and_up_again_leaves_everybody_where_they_were(tmp_path):
    with running(tmp_path / "project", request_deadline="2s") as site:
        down_and_up(site)
        logs_are_followed_from_one_container_to_the_next(site)


def down_and_up(site):
    ada, visitor = site.log_in("ada"), site.visitor()
    assert site.version_of(ada) == site.version_of(visitor) == OLD
    site.start_of_release()
    eve = site.log_in("eve")
    assert site.version_of(eve) == NEW
    before = site.state()
    site.assert_clean_log()

    refused = site.bgctl("down", code=3)
    assert "next: bgctl down --yes" in refused.stderr
    assert site.version_of(ada) == OLD, "nothing has changed"
    done = site.bgctl("down", "--yes")
    stopped = [line.split()[1] for line in done.stdout.splitlines() if line.lstrip().startswith("ok ")]
    assert stopped == ["note", "proxy", "stop-blue", "stop-green", "session-api", "networks"]
    assert site.containers() == []
    assert networks(site) == ""
    assert site.state() == before
    assert site.bgctl("drain", "--auto", code=5).stdout == "", "cron starts nothing"
    assert site.containers("frontend-green") == []
    site.bgctl("down", "--yes")  # again: nothing to do

    site.bgctl("up")
    assert [site.version_of(who) for who in (ada, visitor, eve)] == [OLD, OLD, NEW]
    assert site.state() == before
    assert [what for what in history(site) if what in ("down", "up")] == ["up", "down", "down", "up"]


def logs_are_followed_from_one_container_to_the_next(site):
    """In the promotion that ends the release."""
    following = Following(site)
    try:
        eventually(lambda: following.said("frontend-blue", STARTED.format(OLD)), "blue is followed")
        site.bgctl("route", "disable-blue", "--yes")
        site.bgctl("promote")
        eventually(
            lambda: following.said("frontend-blue", STARTED.format(NEW)), "the new blue is followed, too"
        )
    finally:
        code = following.end()
    assert code == 0
    assert {line["service"] for line in following.lines} >= {"frontend-blue", "frontend-green", "session-api"}
    last = site.bgctl("logs", "session-api", "-n", "3").stdout.splitlines()
    assert len(last) == 3


def history(site):
    lines = (site.directory / "state" / "history.jsonl").read_text().splitlines()
    return [json.loads(line)["what"] for line in lines]
