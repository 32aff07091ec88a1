"""Copies of safe requests for a candidate: who gets them, what is in them, and that nobody else notices."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.support.actors import Actor, acting
from tests.e2e.support.stacks import NEW, Stack, eventually, running

SHARE = 40
WAITING, FLYING = 64, 8  # of one worker (bg.routing.mirror)


@dataclass(frozen=True)
class Mirrored:
    """A candidate that nobody is sent to, and what reaches it and the version that people use."""

    stack: Stack
    blue: Actor
    green: Actor


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirrored]:
    with running(tmp_path_factory.mktemp("mirror") / "project", mirror=SHARE) as one:
        one.expected.append(
            r"is down|is up again|connect\(\) failed|recv\(\) failed"
        )  # as the actors come and go
        one.bgctl("up-green", NEW)
        with acting(one, "blue") as blue, acting(one, "green") as green:
            yield Mirrored(one, blue, green)


@pytest.fixture
def mirrored(candidate):
    came(candidate.stack)
    candidate.blue.seen.clear()
    candidate.green.seen.clear()
    return candidate


def came(stack):
    """Copies by what came of them, once none is on its way."""
    before = None
    while (now := outcomes(stack)) != before:
        before = now
        time.sleep(0.2)
    return now


def outcomes(stack):
    stack.settled()
    text = requests.get(f"{stack.control_url}/metrics", timeout=10).text
    return {
        sample.labels["outcome"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "bgctl_mirrored_total"
    }


def ids(actor):
    return {headers["x-request-id"] for _, _, headers in actor.seen}


def is_drawn(request_id):
    return zlib.crc32(request_id.encode()) % 100 < SHARE


def test_a_share_of_requests_is_copied_and_which_can_be_told(mirrored):
    browser = requests.Session()
    for number in range(100):
        browser.get(f"{mirrored.stack.url}/page/{number}?q=1", timeout=10)
    drawn = {each for each in ids(mirrored.blue) if is_drawn(each)}
    assert len(ids(mirrored.blue)) == 100
    assert 10 < len(drawn) < 75
    eventually(lambda: ids(mirrored.green) == drawn, "the candidate has got its share")
    paths = {(headers["x-request-id"], path) for _, path, headers in mirrored.blue.seen}
    assert {(headers["x-request-id"], path) for _, path, headers in mirrored.green.seen} <= paths
    assert browser.cookies["actor"] == "blue", "what the candidate answers reaches nobody"


def test_a_copy_says_what_it_is_and_whose(mirrored):
    lies = {"X-Deployment-Mirror": "1", "X-Deployment-Version": "9.9.9", "X-Forwarded-For": "8.8.8.8"}
    own = {"Cookie": "a=b", "Authorization": "Bearer abc", "Accept-Language": "eo", "Host": "shop.example"}

    def copied():
        requests.get(f"{mirrored.stack.url}/x", headers=own | lies, timeout=10)
        return mirrored.green.seen

    eventually(copied, "one is copied")
    headers = mirrored.green.seen[0][2]
    assert headers["x-deployment-mirror"] == "1"
    assert (headers["x-deployment-version"], headers["x-deployment-slot"]) == (NEW, "green")
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert {name: headers[name.lower()] for name in own} == own
    assert not any("x-deployment-mirror" in seen for _, _, seen in mirrored.blue.seen), (
        "a client cannot say it"
    )


def test_only_what_is_safe_is_copied(mirrored):
    url = mirrored.stack.url
    for _ in range(30):
        requests.post(f"{url}/post", data="x", timeout=10)
        requests.get(f"{url}/body", data="x", timeout=10)
        with pytest.raises(InvalidStatus):
            connect(f"ws://127.0.0.1:{mirrored.stack.ports.proxy}/ws")
        requests.head(f"{url}/head", timeout=10)
    eventually(
        lambda: len(mirrored.green.seen) >= len([each for each in head_ids(mirrored.blue) if is_drawn(each)]),
        "all copies have arrived",
    )
    assert {(method, path) for method, path, _ in mirrored.green.seen} == {("HEAD", "/head")}


def head_ids(actor):
    return [headers["x-request-id"] for method, _, headers in actor.seen if method == "HEAD"]


def test_its_errors_are_seen_before_it_serves_anyone(mirrored):
    before = came(mirrored.stack)
    served = mirrored.stack.proxy_status()["figures"][NEW]["requests"]
    while len(mirrored.green.seen) < 3:
        requests.get(f"{mirrored.stack.url}/status/500", timeout=10)
    now = came(mirrored.stack)
    assert now["5xx"] - before.get("5xx", 0) == len(mirrored.green.seen)
    said = mirrored.stack.proxy_status()
    assert said["mirror"]["version"] == NEW
    assert said["mirror"]["errors"] == now["5xx"] + now.get("failed", 0)
    assert said["figures"][NEW]["requests"] == served, "a copy is no request of anybody"
    assert f"{NEW} was sent copies of" in mirrored.stack.bgctl("status").stdout


def test_nothing_waits_for_a_frozen_candidate_and_what_is_too_much_is_dropped(tmp_path):
    with running(tmp_path / "project", mirror=100) as stack:
        stack.bgctl("up-green", NEW)
        green = stack.container("frontend-green")
        browser = stack.log_in("ada")
        eventually(lambda: outcomes(stack).get("2xx"), "copies are answered")
        green.pause()
        try:
            longest = 0.0
            for _ in range(300):
                began = time.monotonic()
                assert browser.get(f"{stack.url}/api/whoami", timeout=10).status_code == 200
                longest = max(longest, time.monotonic() - began)
            assert longest < 4, "less than a copy may take"
            eventually(lambda: outcomes(stack).get("dropped", 0) > 100, "what is too much is dropped")
            status = stack.settled()
            assert status["slots"]["green"]["open"] == status["slots"]["green"]["requests"] == 0
            dropped = outcomes(stack)["dropped"]
            assert dropped <= 300 - WAITING - FLYING, "the rest has waited, or was on its way"
            eventually(lambda: outcomes(stack).get("failed"), "those on their way have failed")
        finally:
            green.unpause()
        assert NEW not in {version for version, who in stack.census()["versions"].items() if who["sessions"]}


def test_who_is_served_is_not_copied(mirrored):
    """Once people are sent to it, it has requests of its own."""
    stack = mirrored.stack
    stack.bgctl("route", "canary", "50")
    try:
        mirrored.green.seen.clear()
        for _ in range(20):
            requests.get(f"{stack.url}/", timeout=10)
        assert not any("x-deployment-mirror" in headers for _, _, headers in mirrored.green.seen)
    finally:
        stack.bgctl("route", "disable-green")
