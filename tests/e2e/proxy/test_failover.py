"""A slot that does not answer: refused, frozen, gone; and what the other one may do for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

UPSTREAM = (
    r"connect\(\) failed|upstream timed out|temporarily disabled|no live upstreams"
    r"|prematurely closed|reset by peer|(blue|green) is (down|up again): "
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A release under way, in a stack whose proxy gives up on a silent slot after a second."""
    with running(tmp_path_factory.mktemp("failover") / "project", read_timeout="1s") as one:
        one.expected += [UPSTREAM]
        one.start_of_release()
        yield one


@pytest.fixture
def old_visitor(pair):
    pair.bgctl("route", "disable-green")
    browser = pair.visitor()
    assert pair.version_of(browser) == OLD
    pair.start_of_release()
    return browser


def back_on_old(pair, browser):
    eventually(lambda: seen(pair, browser) == (200, OLD), "its own slot serves it again")


def seen(pair, browser):
    answer = browser.get(f"{pair.url}/api/whoami", timeout=30)
    return answer.status_code, answer.headers.get("X-Deployment-Version")


@pytest.mark.threat(30)
def test_30_a_slot_that_refuses_is_served_by_the_other_in_the_same_request(pair, old_visitor):
    blue = pair.container("frontend-blue")
    before = failovers(pair)
    blue.kill()
    try:
        assert [seen(pair, old_visitor) for _ in range(5)] == [(200, NEW)] * 5, "and the header says which"
        eventually(lambda: failovers(pair) == before + 5, "they are counted")
    finally:
        pair.start_again("blue")
    back_on_old(pair, old_visitor)


def failovers(pair):
    """Of blue, since the proxy started."""
    series = f'bgctl_failovers_total{{slot="blue",version="{OLD}"}} '
    lines = requests.get(f"{pair.control_url}/metrics", timeout=10).text.splitlines()
    return int(next(line.removeprefix(series) for line in lines if line.startswith(series)))


@pytest.mark.threat(31)
def test_31_a_frozen_slot_a_get_fails_over_and_a_post_is_never_done_twice(pair, old_visitor):
    blue = pair.container("frontend-blue")
    key = uuid.uuid4().hex
    blue.pause()
    try:
        assert seen(pair, old_visitor) == (200, NEW)
        note = {"json": {"text": "once"}, "headers": {"Idempotency-Key": key}, "timeout": 30}
        assert old_visitor.post(f"{pair.url}/api/notes", **note).status_code == 504
    finally:
        blue.unpause()
    back_on_old(pair, old_visitor)
    green = requests.get(f"http://127.0.0.1:{pair.ports.green}/api/notes/{key}", timeout=10).json()
    blue_ledger = requests.get(f"http://127.0.0.1:{pair.ports.blue}/api/notes/{key}", timeout=10).json()
    assert green["seen"] == 0
    assert blue_ledger["seen"] <= 1


@pytest.mark.threat(32)
def test_32_both_dead_is_a_503_that_says_when_to_come_back_and_it_ends_by_itself(pair):
    for slot in ("blue", "green"):
        pair.container(f"frontend-{slot}").kill()
    try:
        answer = requests.get(f"{pair.url}/", timeout=30)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert requests.get(f"{pair.url}/api/deployment/version", timeout=10).status_code == 200
    finally:
        for slot in ("blue", "green"):
            pair.start_again(slot)
    eventually(lambda: requests.get(f"{pair.url}/", timeout=30).status_code == 200, "it recovers")


@pytest.mark.threat(51)
def test_51_sessions_are_routed_while_the_session_api_is_down(pair, old_visitor):
    """The data plane stands alone; only log-ins wait, and are told so."""
    newcomer = pair.log_in("sam")
    api = pair.container("session-api")
    api.stop(timeout=5)
    try:
        assert seen(pair, newcomer) == (200, NEW)
        assert seen(pair, old_visitor) == (200, OLD)
        form = {"user": "tom", "email": "t@example.test"}
        # The app says 503 when its patience ends; if this stack's impatient proxy is first, 504.
        assert pair.visitor().post(f"{pair.url}/login", data=form, timeout=30).status_code in (503, 504)
        assert requests.get(f"{pair.url}/api/deployment/version", timeout=10).status_code == 503
        pair.bgctl("sessions", code=1)
        counted = pair.ask("status")["slots"]
        assert [slot["sessions"] for slot in counted.values()] == [None, None], "unknown is not zero"
        assert pair.bgctl("drain", "--auto", code=5)
    finally:
        api.start()
    eventually(
        lambda: requests.get(f"{pair.url}/api/deployment/version", timeout=10).status_code == 200,
        "it is back",
    )
    assert newcomer.get(f"{pair.url}/api/deployment/session", timeout=10).json()["userId"] == "sam"
