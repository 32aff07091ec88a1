"""What the proxy counts of each version: exact against the traffic that made it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from actors import acting
from stacks import NEW, OLD, Stack, eventually, running
from websockets.sync.client import connect

UPSTREAM = r"connect\(\) failed|prematurely closed|reset by peer"


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


def test_a_websocket_is_counted_when_it_ends(stack):
    counted = Counted(stack)
    with connect(f"ws://127.0.0.1:{stack.ports.proxy}/ws") as socket:
        socket.recv()
        assert stack.proxy_status()["figures"][OLD]["requests"] == 0
    requests_, errors, counts, _ = counted.of(OLD)
    assert (requests_, errors, sum(counts)) == (1, 0, 0)


def test_a_restart_begins_anew_and_says_so(stack):
    requests.get(f"{stack.url}/", timeout=10)
    before = stack.settled()
    assert before["figures"][OLD]["requests"] == 1
    stack.container("proxy").restart(timeout=10)
    stack.bgctl("up")
    now = stack.settled()
    assert now["startedAt"] > before["startedAt"]
    assert now["figures"][OLD]["requests"] == 0
