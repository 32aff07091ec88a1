"""Who is counted where: activity from the proxy, through all that may happen on its way to the API."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import requests
from websockets.sync.client import connect

from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

IDLE = 10  # seconds; can be waited for, and is longer than the session API takes to start


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running(tmp_path_factory.mktemp("activity") / "project", idle_timeout=f"{IDLE}s") as one:
        eventually(lambda: everybody(one) == (0, 0), "the proxy has reported for the first time")
        yield one


@pytest.fixture(autouse=True)
def _nobody_is_left(site, monkeypatch):
    """Each test begins with nobody there: who has logged in logs out, as that is quicker than a silence."""
    log_in, browsers = site.log_in, []

    def remembered(*who: str) -> requests.Session:
        browsers.append(log_in(*who))
        return browsers[-1]

    monkeypatch.setattr(site, "log_in", remembered)
    yield
    for browser in browsers:
        requests.post(f"{site.url}/logout", headers=cookies_of(browser), timeout=10, allow_redirects=False)
    eventually(lambda: everybody(site) == (0, 0), "everybody has logged out or idled out")


def everybody(stack: Stack) -> tuple[int | None, int | None]:
    """(sessions, visitors) of all versions; None while unknown."""
    try:
        counts = stack.census()["versions"].values()
    except requests.RequestException:
        return None, None
    if any(count["sessions"] is None for count in counts):
        return None, None
    return sum(count["sessions"] for count in counts), sum(count["anonymous"] for count in counts)


def on(stack: Stack, version: str) -> tuple[int | None, int | None]:
    count = stack.census()["versions"].get(version)
    return (count["sessions"], count["anonymous"]) if count else (0, 0)


def cookies_of(browser: requests.Session) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}


def test_a_log_in_is_a_session_and_a_visitor_counts_when_it_comes_back(site):
    site.log_in("ada")
    visitor = site.visitor()
    site.version_of(visitor)
    eventually(lambda: everybody(site) == (1, 0), "ada is counted, and nobody else")
    site.version_of(visitor)
    eventually(lambda: everybody(site) == (1, 1), "the visitor has come back")


def test_what_keeps_no_cookies_is_nobody(site):
    for _ in range(20):
        site.version_of(site.visitor())
    told = site.proxy_status()["activity"]["lastDelivery"]
    eventually(lambda: site.proxy_status()["activity"]["lastDelivery"] > told + 1, "two more reports")
    assert everybody(site) == (0, 0)


def test_a_visitor_who_logs_in_is_a_visitor_no_longer(site):
    browser = site.visitor()
    site.version_of(browser)
    site.version_of(browser)
    eventually(lambda: everybody(site) == (0, 1), "a visitor")
    browser.post(f"{site.url}/login", data={"user": "ada", "email": "a@b.c"}, timeout=10)
    site.version_of(browser)
    eventually(lambda: everybody(site) == (1, 0), "a session instead")
    browser.post(f"{site.url}/logout", timeout=10, allow_redirects=False)
    eventually(lambda: everybody(site) == (0, 0), "logged out")


@pytest.mark.threat(76)
def test_76_of_two_clients_with_one_pin_the_one_that_logs_in_goes_alone(site):
    """A jar that was copied, or restored from a backup."""
    browser, copy = site.visitor(), site.visitor()
    site.version_of(browser)
    copy.cookies.update(browser.cookies)
    site.version_of(browser)
    eventually(lambda: everybody(site) == (0, 1), "one name, one visitor")
    browser.post(f"{site.url}/login", data={"user": "ada", "email": "a@b.c"}, timeout=10)
    site.version_of(browser)
    eventually(lambda: everybody(site) == (1, 0), "a session instead")
    assert site.version_of(copy) == OLD
    eventually(lambda: everybody(site) == (1, 1), "the other one is still a visitor")


def test_requests_keep_a_session_and_silence_ends_it(site):
    browser = site.log_in("ada")
    end = time.monotonic() + 2 * IDLE
    while time.monotonic() < end:
        assert site.version_of(browser) == OLD
        assert everybody(site)[0] == 1
        time.sleep(0.1)  # the time that passes is what is tested
    eventually(lambda: everybody(site) == (0, 0), "idle")
    assert site.version_of(browser) == OLD
    eventually(lambda: everybody(site) == (1, 0), "idle was not over")


def test_an_open_websocket_keeps_its_session_and_is_counted(site):
    browser = site.log_in("ada")
    with connect(f"ws{site.url[4:]}/ws", additional_headers=cookies_of(browser)) as socket:
        socket.recv()
        end = time.monotonic() + 2 * IDLE
        while time.monotonic() < end:
            assert everybody(site)[0] == 1
            time.sleep(0.2)  # the time that passes is what is tested
        assert site.census()["versions"][OLD]["websockets"] == 1
    eventually(lambda: site.census()["versions"][OLD]["websockets"] == 0, "closed")


@pytest.mark.threat(60)
def test_60_a_websocket_of_a_worker_that_leaves_keeps_its_session(site):
    browser = site.log_in("ada")
    with connect(f"ws{site.url[4:]}/ws", additional_headers=cookies_of(browser)) as socket:
        socket.recv()
        reload(site)
        end = time.monotonic() + 2 * IDLE
        while time.monotonic() < end:
            assert everybody(site)[0] == 1
            time.sleep(0.2)  # the time that passes is what is tested
        assert any(worker["exiting"] for worker in site.proxy_status()["workers"])


def reload(stack: Stack) -> None:
    before = {worker["pid"] for worker in stack.proxy_status()["workers"]}
    stack.container("proxy").kill("HUP")

    def replaced() -> bool:
        live = {row["pid"] for row in stack.proxy_status()["workers"] if not row["exiting"]}
        return len(live) == 2 and not live & before

    eventually(replaced, "new workers")


def test_a_download_that_takes_long_keeps_its_session(site):
    browser = site.log_in("ada")
    with browser.get(f"{site.url}/api/events", stream=True, timeout=60) as answer:
        lines = answer.iter_lines()
        end = time.monotonic() + 2 * IDLE
        while time.monotonic() < end:
            assert next(lines) is not None
            assert everybody(site)[0] == 1


@pytest.mark.threat(51)
def test_51_what_happens_while_the_session_api_is_down_is_counted_when_it_is_back(site):
    """Longer than the idle window: what counts is when somebody was last seen, not when it is told."""
    quiet, busy = site.log_in("quiet"), site.log_in("busy")
    visitor = site.visitor()
    site.version_of(visitor)
    eventually(lambda: everybody(site) == (2, 0), "two sessions")
    api = site.container("session-api")
    api.stop(timeout=1)
    end = time.monotonic() + IDLE + 2
    while time.monotonic() < end:
        assert {site.version_of(busy), site.version_of(visitor)} == {OLD}
        time.sleep(0.1)  # the time that passes is what is tested
    assert site.proxy_status()["activity"]["error"]
    api.start()
    eventually(lambda: api_answers(site), "the session API answers again")
    eventually(lambda: everybody(site) == (1, 1), "the busy one and the visitor, and not the quiet one")
    assert site.proxy_status()["activity"]["dropped"] == 0
    assert site.version_of(quiet) == OLD


def api_answers(stack: Stack) -> bool:
    try:
        return requests.get(f"{stack.api_url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.mark.threat(51)
def test_51_counts_are_unknown_while_the_proxy_is_silent(site):
    site.log_in("ada")
    eventually(lambda: everybody(site) == (1, 0), "ada")
    proxy = site.container("proxy")
    proxy.pause()
    try:
        eventually(lambda: everybody(site) == (None, None), "unknown")
        assert "has not reported for" in site.census()["unknown"]
        assert site.bgctl("sessions", code=1).stdout.count("unknown") > 0
    finally:
        proxy.unpause()
    eventually(lambda: everybody(site)[0] is not None, "known again")


@pytest.mark.threat(60)
def test_60_a_reload_while_the_session_api_is_down_loses_nothing(stack):
    """With the usual idle time-out: however long the session API takes to start, nobody is idle by then."""
    eventually(lambda: None not in everybody(stack), "counts are known")
    sessions, visitors = (number or 0 for number in everybody(stack))
    browsers = [stack.log_in(f"user-{number}") for number in range(20)]
    eventually(lambda: everybody(stack) == (sessions + 20, visitors), "twenty")
    api = stack.container("session-api")
    api.stop(timeout=1)
    new = [stack.visitor() for _ in range(20)]
    for visitor in new * 2:
        stack.version_of(visitor)
    reload(stack)
    for browser in browsers:
        browser.close()  # its connection ends with the worker that leaves, at any moment now
        stack.version_of(browser)
    api.start()
    eventually(lambda: api_answers(stack), "the session API answers again")
    everybody_is_there = (sessions + 20, visitors + 20)
    eventually(lambda: everybody(stack) == everybody_is_there, "also who was seen before the reload")
    stack.log_all_out()


@pytest.mark.threat(60)
def test_60_a_proxy_that_stops_tells_what_it_has_seen(site):
    """Requests of its very last second; it stops as compose stops it."""
    visitors = [site.visitor() for _ in range(10)]
    for visitor in visitors * 2:
        site.version_of(visitor)
    site.container("proxy").stop(timeout=30)
    try:
        eventually(lambda: rows(site) >= 10, "all of them are in the store")
    finally:
        site.container("proxy").start()
    eventually(lambda: everybody(site)[0] is not None, "known again")


def rows(stack: Stack) -> int:
    """Visitors that the store holds, whether counted or not, as its metrics say."""
    text = requests.get(f"{stack.api_url}/metrics", timeout=5).text
    lines = [line for line in text.splitlines() if line.startswith("bgctl_api_visitors{")]
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))


@pytest.mark.threat(59)
def test_59_a_worker_that_is_killed_loses_its_last_second_at_most(site):
    site.expected.append(r"worker process \d+ exited on signal 9")
    browser = site.log_in("ada")
    eventually(lambda: everybody(site) == (1, 0), "ada")
    master = site.container("proxy").attrs["State"]["Pid"]
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    eventually(lambda: serves(site, browser), "a new worker serves")
    told = site.proxy_status()["activity"]["lastDelivery"]
    eventually(lambda: site.proxy_status()["activity"]["lastDelivery"] > told, "reports go on")
    assert everybody(site) == (1, 0)


def serves(stack: Stack, browser: requests.Session) -> bool:
    """A worker that is killed takes its connections along."""
    try:
        return stack.version_of(browser) == OLD
    except requests.ConnectionError:
        return False


@pytest.mark.threat(54)
def test_54_a_database_that_is_gone_is_unknown_and_fills_again(site):
    """Of log-outs only the database knew: who has logged out lately would be back with it."""
    began = site.proxy_status()["activity"]
    eventually(
        lambda: site.proxy_status()["activity"]["lastDelivery"] > began["lastDelivery"] + IDLE + 2,
        "who has logged out has idled out, too",
    )
    browsers = [site.log_in(f"user-{number}") for number in range(5)]
    for browser in browsers:
        site.version_of(browser)
    eventually(lambda: everybody(site) == (5, 0), "five")
    eventually(
        lambda: site.proxy_status()["activity"]["delivered"] >= began["delivered"] + 5,
        "what each worker keeps for a second is in the memory that they share",
    )
    for path in (site.directory / "data").glob("sessions.db*"):
        path.unlink()
    seen = set()

    def back() -> bool:
        seen.add(everybody(site)[0])
        return everybody(site)[0] == 5

    for browser in browsers:
        site.version_of(browser)
    eventually(back, "the proxy has told everything again")
    assert seen <= {None, 5}, "never a number that is too small"


@pytest.mark.threat(49)
def test_49_the_back_door_is_for_the_proxy_alone(site):
    body = {"proxy": "x", "now": 1, "since": 0, "epoch": None, "complete": True, "sessions": [], "gone": []}
    for path in ("/_bgctl/activity", "/api/deployment/../../_bgctl/activity", "//_bgctl/activity"):
        assert requests.post(f"{site.url}{path}", json=body, timeout=5).status_code in (400, 404, 405), path
    direct = f"{site.api_url}/_bgctl/activity"
    assert requests.post(direct, json=body, timeout=5).status_code == 401
    admin = (site.directory / "keys" / "admin" / "admin.key").read_text().strip()
    with_another_key = requests.post(
        direct, json=body, headers={"Authorization": f"Bearer {admin}"}, timeout=5
    )
    assert with_another_key.status_code == 401


def test_a_refresh_keeps_the_session_one(site):
    browser = site.log_in("ada")
    for _ in range(3):
        browser.post(f"{site.url}/api/deployment/refresh", timeout=5).raise_for_status()
    site.version_of(browser)
    eventually(lambda: everybody(site) == (1, 0), "still one")
    assert on(site, NEW) == (0, 0)
