"""What the proxy counts of each version: exact against the traffic that made it."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import jwt
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

import toolkit
from tests.e2e.support.actors import acting
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running
from tests.e2e.support.workbench import workbench

UPSTREAM = r"is down|is up again|connect\(\) failed|prematurely closed|reset by peer"


@dataclass(frozen=True)
class Pair:
    """A release under way, two apps of the tests' own, and a browser that is held to each."""

    stack: Stack
    old: requests.Session
    new: requests.Session

    @property
    def url(self) -> str:
        return self.stack.url


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running(tmp_path_factory.mktemp("figures") / "project") as one:
        one.expected.append(UPSTREAM)
        old, new = one.visitor(), one.visitor()
        assert one.version_of(old) == OLD
        one.start_of_release()
        assert one.version_of(new) == NEW
        with acting(one, "blue"), acting(one, "green", drops=True):
            yield Pair(one, old, new)


class Counted:
    """What has been added to the figures since this was made."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before = stack.settled()["figures"]

    def of(self, version):
        """Requests, errors, requests by bucket, and the bounds of the buckets."""
        now, before = self._stack.settled()["figures"][version], self._before[version]
        assert now["bounds"] == sorted(now["bounds"])
        assert len(now["counts"]) == len(now["bounds"]) + 1
        counts = [after - earlier for after, earlier in zip(now["counts"], before["counts"], strict=True)]
        requests_, errors = (now[key] - before[key] for key in ("requests", "errors"))
        return requests_, errors, counts, now["bounds"]


class Samples(dict[tuple[str, ...], float]):
    """What the proxy exposes: name, then the values of its labels by their names' order, to value."""

    def __init__(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, *(sample.labels[label] for label in sorted(sample.labels)))
                assert key not in self, "a series comes once"
                self[key] = sample.value


def metrics_of(stack):
    """The proxy's metrics, once every worker has told what it counted."""
    stack.settled()
    return requests.get(f"{stack.control_url}/metrics", timeout=10).text


def added(stack, before):
    """By how much each counter has grown."""
    now = Samples(metrics_of(stack))
    return {key: value - before.get(key, 0) for key, value in now.items() if value != before.get(key, 0)}


def test_promtool_finds_nothing_to_mend(pair):
    text = metrics_of(pair.stack)
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=30
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_counters_are_exact(pair):
    before = Samples(metrics_of(pair.stack))
    paths = {"/": 5, "/status/503": 2, "/status/302": 1, "/drop": 3}
    for path, times in paths.items():
        for _ in range(times):
            pair.new.get(pair.url + path, timeout=10, allow_redirects=False)
    pair.old.get(f"{pair.url}/status/404", timeout=10)
    grown = added(pair.stack, before)
    assert grown["bgctl_requests_total", "green", "2xx", NEW] == 8, "with those that the other slot answered"
    assert grown["bgctl_requests_total", "green", "5xx", NEW] == 2
    assert grown["bgctl_requests_total", "green", "3xx", NEW] == 1
    assert grown["bgctl_requests_total", "blue", "4xx", OLD] == 1
    assert grown["bgctl_failovers_total", "green", NEW] == 3
    assert grown["bgctl_errors_total", "green"] == 2
    assert grown["bgctl_request_duration_seconds_count", "green", NEW] == 8
    assert grown["bgctl_request_duration_seconds_count", "blue", OLD] == 4
    assert grown["bgctl_decisions_total", "pin", "green"] == 11
    assert grown["bgctl_decisions_total", "pin", "blue"] == 1


def test_a_histogram_is_cumulative_and_its_sum_is_the_time(pair):
    before = Samples(metrics_of(pair.stack))
    for wait in (20, 120, 120, 700):
        pair.new.get(f"{pair.url}/wait/{wait}", timeout=10)
    now = Samples(metrics_of(pair.stack))
    name = "bgctl_request_duration_seconds"
    buckets = [
        (float(key[1]), value - before.get(key, 0))
        for key, value in now.items()
        if key[0] == f"{name}_bucket" and key[2:] == ("green", NEW)
    ]
    assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets)
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert buckets[-1] == (math.inf, 4)
    assert dict(buckets)[0.005] == 0
    key = (f"{name}_sum", "green", NEW)
    assert now[key] - before.get(key, 0) >= 0.96


def test_what_is_now(pair):
    samples = Samples(metrics_of(pair.stack))
    generation = pair.stack.state()["generation"]
    assert samples["bgctl_state_generation",] == samples["bgctl_state_generation_highest",] == generation
    assert samples["bgctl_workers", "serving"] == samples["bgctl_workers_expected",] == 2
    assert samples["bgctl_phase_info", "draining"] == 1
    assert samples["bgctl_slot_info", "green", "ready", NEW] == 1
    assert samples["bgctl_slot_weight", "green", NEW] == 100
    assert samples["bgctl_open_websockets", "blue", OLD] == 0
    assert 0 <= samples["bgctl_state_age_seconds",] < 5
    assert (
        0
        < samples["bgctl_shared_memory_free_bytes", "bg_figures"]
        <= samples["bgctl_shared_memory_bytes", "bg_figures"]
    )
    assert samples["bgctl_start_time_seconds",] <= time.time()
    assert next(key for key in samples if key[0] == "bgctl_build_info")[3] == toolkit.__version__


@pytest.mark.threat(63)
def test_63_nothing_that_arrives_adds_a_series(pair):
    """Versions, tokens, methods, paths, hosts: whatever a client makes up."""

    def hostile(number):
        token = jwt.encode({"deploymentVersion": f"9.{number}"}, "x" * 32, headers={"kid": f"k{number}"})
        headers = {
            "Authorization": f"Bearer {token}",
            "Cookie": f'bg_pin={token}; bg_session=a.b{number}.c"}}',
            "Host": f"h{number}.example",
            "X-Deployment-Version": f'evil{number}",x="',
        }
        requests.request(f"BREW{number}", f"{pair.url}/p{number}", headers=headers, timeout=10)

    for number in range(3):
        hostile(number)
    before = set(Samples(metrics_of(pair.stack)))
    for number in range(3, 103):
        hostile(number)
    assert set(Samples(metrics_of(pair.stack))) == before


def test_versions_are_bounded(pair, tmp_path):
    """More releases than are kept, in a nginx of its own."""
    code = """
        local figures, summary = require("bg.figures.figures"), require("bg.figures.summary")
        local now = ngx.now()
        for number = 1, 100 do
            figures.finished({ name = "green", version = "1.0." .. number }, 200, false)
            figures.fold()
            ngx.sleep(0.001)
        end
        local state = { slots = { blue = { version = "1.0.1" }, green = { version = "1.0.100" } } }
        figures.forget(state, ngx.now())
        local kept = summary.list()
        figures.forget(state, now + 4000)
        figures.forget(state, now + 8000)
        return #kept, summary.by_version(state)["1.0.100"].requests, #summary.list(),
            #ngx.shared.bg_figures:get_keys(0)
    """
    with workbench(tmp_path) as nginx:
        kept, requests_, listed, keys = nginx.run(code)
    assert kept == 16
    assert requests_ == 1
    assert listed == 2, "an hour later what is served is all there is"
    assert keys == 3


def test_requests_and_errors_belong_to_the_version_that_they_were_meant_for(pair):
    old, new = pair.old, pair.new
    counted = Counted(pair.stack)
    for browser, path, times in (
        (old, "/", 7),
        (new, "/", 11),
        (new, "/status/500", 3),
        (old, "/status/404", 2),
    ):
        for _ in range(times):
            browser.get(pair.url + path, timeout=10)
    assert counted.of(OLD)[:2] == (9, 0), "a 404 is no error"
    requests_, errors, counts, _ = counted.of(NEW)
    assert (requests_, errors, sum(counts)) == (14, 3, 14)


def test_a_latency_is_in_its_bucket(pair):
    counted = Counted(pair.stack)
    began = time.monotonic()
    pair.new.get(f"{pair.url}/wait/400", timeout=10)
    longest = time.monotonic() - began
    _, _, counts, bounds = counted.of(NEW)
    (bucket,) = [i for i, count in enumerate(counts) if count]
    assert bounds[bucket] > 0.4
    assert bounds[bucket - 1] < longest


def test_what_lasts_as_long_as_it_likes_has_no_latency(pair):
    counted = Counted(pair.stack)
    assert pair.new.get(f"{pair.url}/stream", timeout=10).text == "data: x\n\n"
    requests_, errors, counts, _ = counted.of(NEW)
    assert (requests_, errors, sum(counts)) == (1, 0, 0)


def test_a_failover_is_an_error_of_the_first_and_a_latency_of_the_second(pair):
    counted = Counted(pair.stack)
    pair.new.get(f"{pair.url}/drop", timeout=10)
    assert counted.of(NEW)[:2] == (1, 1)
    assert sum(counted.of(NEW)[2]) == 0
    requests_, errors, counts, _ = counted.of(OLD)
    assert (requests_, errors, sum(counts)) == (0, 0, 1)


@pytest.mark.threat(60)
def test_60_a_reload_counts_on(pair):
    counted = Counted(pair.stack)
    before = pair.stack.proxy_status()
    pair.new.get(f"{pair.url}/", timeout=10)
    pids = {row["pid"] for row in before["workers"]}
    pair.stack.container("proxy").kill("SIGHUP")
    eventually(
        lambda: not {row["pid"] for row in pair.stack.proxy_status()["workers"] if not row["exiting"]} & pids,
        "new workers serve",
    )
    pair.new.get(f"{pair.url}/", timeout=10)
    assert counted.of(NEW)[0] == 2
    assert pair.stack.proxy_status()["startedAt"] == before["startedAt"]


def test_a_websocket_is_counted_when_it_ends(new_stack):
    counted = Counted(new_stack)
    with connect(f"ws://127.0.0.1:{new_stack.ports.proxy}/ws") as socket:
        socket.recv()
        assert new_stack.proxy_status()["figures"][OLD]["requests"] == 0
    requests_, errors, counts, _ = counted.of(OLD)
    assert (requests_, errors, sum(counts)) == (1, 0, 0)


def test_a_restart_begins_anew_and_says_so(new_stack):
    requests.get(f"{new_stack.url}/", timeout=10)
    before = new_stack.settled()
    assert before["figures"][OLD]["requests"] == 1
    new_stack.container("proxy").restart(timeout=10)
    new_stack.bgctl("up")
    now = new_stack.settled()
    assert now["startedAt"] > before["startedAt"]
    assert now["figures"][OLD]["requests"] == 0
