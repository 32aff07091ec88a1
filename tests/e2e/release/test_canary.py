"""Canaries on real containers: a green that fails is taken back, a good one gets everybody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import requests

from testbed.load import LoadProcess
from testbed.ports import Ports
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually

BAD = "1.6.8-some-errors"  # three requests of a hundred
LAX = 0.3  # the margin where a good green must pass on a machine that is busy


@pytest.fixture
def site(stack: Stack) -> Iterator[Stack]:
    path = stack.directory / "bgctl.toml"
    plain = path.read_text()
    yield stack
    path.write_text(plain)


def judge_by(site: Stack, **settings: object) -> None:
    """Writes [canary], as JSON has the values."""
    path = site.directory / "bgctl.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    path.write_text("\n".join([path.read_text().partition("[canary]")[0], "[canary]", *lines, ""]))


def release(site: Stack, version: str, shares: str, *options: str) -> subprocess.Popen[str]:
    command = ("deploy", version, "--yes", "--skip-build", "-i", "200ms", "--canary", shares, *options)
    return site.start(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ended(process: subprocess.Popen[str], code: int) -> str:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == code, said
    return said


def history(site: Stack) -> list[str]:
    path = site.directory / "state" / "history.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def share(site: Stack) -> int:
    now = site.state()
    return now["slots"]["green"]["weight"] if now["phase"] == "canary" else 0


def test_a_green_that_fails_three_per_cent_is_taken_back_within_the_first_step(site):
    """And nothing else goes wrong: as many failures as green had, and nobody is moved but back to blue."""
    judge_by(site, together=1)  # in this load, requests fail one by one
    before = len(history(site))  # others may have had the stack
    process = release(site, BAD, "25,50,100", "--pause", "2s")
    eventually(lambda: share(site) == 25, "the canary has begun")
    with LoadProcess(site.url, served={OLD, BAD}, rate=250) as load:
        load.set_served({OLD})  # it is taken back when the analysis has seen enough
        load.spawn("cookie", 40)
        load.spawn("anonymous", 40)
        said = ended(process, 1)
        eventually(lambda: set(load.snapshot().sessions) == {OLD}, "everyone is on blue")
        tally = load.stop()
    assert "of green's requests fail" in said
    assert (site.state()["phase"], site.state()["slots"]["blue"]["version"]) == ("rest", OLD)
    assert site.containers("frontend-green") == []
    entries = [json.loads(line) for line in history(site)[before:]]
    assert [entry["what"] for entry in entries if entry["what"].startswith("route canary")] == [
        "route canary 25"
    ]
    (reason,) = [entry for entry in entries if entry["what"] == "canary 25"]
    assert reason["outcome"] == "failed"
    assert f"{BAD} is taken back at 25 %" in reason["why"]
    slots = site.proxy_status()["slots"]
    assert slots["blue"]["errors"] == 0
    assert tally.failed == slots["green"]["errors"] > 0, tally
    assert {failure.what for failure in tally.failures} == {"500"}, tally
    assert not (tally.flipped or tally.doubled_posts or tally.websockets_cut), tally
    assert tally.moved <= 80, tally


def test_a_good_green_goes_through_all_steps(site):
    """Up to the switch, under load; raising the share moves nobody back."""
    judge_by(site, requests=40, margin=LAX, command="sh -c 'test $BGCTL_VERSION = 1.6.8'")
    process = release(site, NEW, "5,25,50,100", "--pause", "1s")
    eventually(lambda: share(site) == 5, "the canary has begun")
    with LoadProcess(site.url, served={OLD, NEW}, rate=250) as load:
        load.spawn("anonymous", 150)
        load.spawn("cookie", 20)
        load.spawn("websocket", 10)
        eventually(lambda: site.state()["phase"] == "draining", "all steps were good")
        tally = load.stop()
    process.send_signal(2)
    said = ended(process, 130)
    assert tally.clean, tally
    assert set(tally.sessions) == {OLD, NEW}
    assert "good at 5, 25, 50 %" in said


def test_a_session_keeps_its_side_while_the_share_rises(site):
    """Sixty visitors, asked again at each share: whoever has been given green stays there, and so on blue."""
    site.bgctl("up-green", NEW)
    visitors = [site.visitor() for _ in range(60)]
    placed: dict[int, str] = {}
    for percent in (5, 25, 50, 75):
        site.bgctl("route", "canary", str(percent))
        here = {
            number: site.version_of(visitor) for number, visitor in enumerate(visitors[: len(placed) + 15])
        }
        assert {number: here[number] for number in placed} == placed
        placed = here
    assert set(placed.values()) == {OLD, NEW}


def test_too_little_traffic_ends_at_patience(site):
    judge_by(site, patience="2s", pause="1s")
    said = ended(release(site, NEW, "50"), 1)
    assert "not found good within 2 s: green lacks 300 requests, blue lacks 300 requests" in said
    assert (site.state()["phase"], site.containers("frontend-green")) == ("rest", [])


def test_interrupted_it_goes_on_where_it_was(site):
    judge_by(site, requests=20, margin=LAX)
    process = release(site, NEW, "20,50", "--pause", "1s")
    eventually(lambda: share(site) == 20, "the canary has begun")
    process.send_signal(2)
    assert "green keeps its share" in ended(process, 130)
    assert share(site) == 20
    with LoadProcess(site.url, served={OLD, NEW}, rate=150) as load:
        load.spawn("anonymous", 80)
        again = release(site, NEW, "20,50", "--pause", "1s")
        eventually(lambda: site.state()["phase"] == "draining", "all steps were good")
        tally = load.stop()
    again.send_signal(2)
    said = ended(again, 130)
    assert "blue 1.6.7 ready 50, green 1.6.8 ready 50" in said
    assert tally.clean, tally


def test_while_it_waits_a_rollback_gets_in(site):
    process = release(site, NEW, "50")
    eventually(lambda: share(site) == 50, "the canary has begun")
    site.wait_unlocked()
    site.bgctl("rollback")
    assert "the release has moved on" in ended(process, 3)
    assert (site.state()["phase"], site.containers("frontend-green")) == ("rest", [])


@pytest.fixture
def prometheus(tmp_path) -> Iterator[str]:
    """The address of a real one, which scrapes nothing."""
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    address = f"127.0.0.1:{Ports.free().control}"
    options = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={address}")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(["prometheus", *options], cwd=folder, stdout=log, stderr=log)
        try:
            eventually(lambda: is_ready(address), "Prometheus is ready")
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait(30)


def is_ready(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/-/ready", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_an_alarm_of_prometheus_takes_it_back(site, prometheus):
    """The alarm is on the version and the share at hand; the first share has none."""
    query = 'absent(errors{version="{green}"}) * {share} > 20'
    judge_by(site, prometheus=prometheus, query=query, requests=20, margin=LAX)
    process = release(site, NEW, "20,50", "--pause", "200ms")
    with LoadProcess(site.url, served={OLD, NEW}, rate=100) as load:
        eventually(lambda: share(site) == 20, "the canary has begun")
        load.spawn("anonymous", 60)
        said = ended(process, 1)
    assert f'taken back at 50 %: the query of Prometheus gives {{version="{NEW}"}} 50' in said
    assert site.state()["phase"] == "rest"


def test_a_command_that_is_not_content_takes_it_back(site):
    judge_by(site, requests=1, margin=LAX, command="sh -c 'echo no basket >&2; exit 1'")
    process = release(site, NEW, "50", "--pause", "200ms")
    with LoadProcess(site.url, served={OLD, NEW}, rate=100) as load:
        eventually(lambda: share(site) == 50, "the canary has begun")
        load.spawn("anonymous", 20)
        said = ended(process, 1)
    assert "no basket" in said
    assert site.state()["phase"] == "rest"
