"""The proxy asks its slots for their health: who is down is passed over at once, and comes back by itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest
import requests

from tests.e2e.support import actors
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

FAILED = r"connect\(\) failed|upstream timed out|prematurely closed|reset by peer"
TOLD = r"(blue|green) is (down|up again): frontend at "


class App(BaseHTTPRequestHandler):
    """In blue's place: says `version`, and drops the connection on every POST. No connection outlives it.

    `came_as` is how the last request came: its Host and its protocol.
    """

    protocol_version = "HTTP/1.1"
    version: ClassVar[str] = OLD
    came_as: ClassVar[tuple[str | None, str | None]] = (None, None)

    def do_GET(self) -> None:
        App.came_as = self.headers["Host"], self.headers["X-Forwarded-Proto"]
        body = json.dumps({"version": self.version}).encode()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def do_POST(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def in_blues_place(stack: Stack) -> Iterator[None]:
    try:
        with actors.in_blues_place(stack, App):
            yield
    finally:
        stack.start_again("blue")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A release under way; the proxy asks often, and gives up on a silent slot late."""
    with running(tmp_path_factory.mktemp("health") / "project", health_check="500ms") as one:
        one.expected += [FAILED, TOLD]
        one.start_of_release()
        yield one


@pytest.fixture
def old_visitor(pair):
    pair.bgctl("route", "disable-green")
    eventually(lambda: health(pair, "blue")["up"], "blue is up")
    browser = pair.visitor()
    assert pair.version_of(browser) == OLD
    pair.start_of_release()
    eventually(lambda: health(pair, "green")["up"], "green is up")
    return browser


def health(stack, slot):
    return stack.proxy_status()["slots"][slot]["health"]


def is_down(stack, slot):
    return health(stack, slot)["up"] is False


def told(stack):
    return sum("blue is down" in line or "blue is up again" in line for line in stack.error_log())


def metrics(stack):
    return requests.get(f"{stack.control_url}/metrics", timeout=10).text


def post(stack, browser, key):
    note = {"json": {"text": "once"}, "headers": {"Idempotency-Key": key}, "timeout": 30}
    return browser.post(f"{stack.url}/api/notes", **note)


def times_seen(port, key):
    return requests.get(f"http://127.0.0.1:{port}/api/notes/{key}", timeout=10).json()["seen"]


@pytest.mark.threat(31)
def test_31_a_frozen_slot_is_passed_over_also_for_a_post_and_takes_its_sessions_back(pair, old_visitor):
    blue, key = pair.container("frontend-blue"), uuid.uuid4().hex
    pin, before = old_visitor.cookies["bg_pin"], told(pair)
    blue.pause()
    try:
        eventually(lambda: is_down(pair, "blue"), "the proxy has noticed")
        pair.wait_looked()
        assert health(pair, "blue")["why"] == "frontend: timeout"
        # Nothing waits for read_timeout, a minute here: `version_of` gives up after 10 s.
        assert [pair.version_of(old_visitor) for _ in range(5)] == [NEW] * 5
        assert post(pair, old_visitor, key).headers["X-Deployment-Version"] == NEW
        assert old_visitor.cookies["bg_pin"] == pin, "nobody is pinned anew"
        eventually(lambda: 'bgctl_failovers_total{slot="blue",' in metrics(pair), "it is counted")
        assert 'bgctl_slot_up{slot="blue"} 0' in metrics(pair)
        seen = pair.ask("status")["slots"]["blue"]
        assert seen["passedOver"] == "frontend: timeout"
        assert "the proxy finds blue down: frontend: timeout" in pair.bgctl("status").stdout
        assert "the proxy finds blue down" in pair.bgctl("doctor", code=None).stdout
    finally:
        blue.unpause()
    eventually(lambda: pair.version_of(old_visitor) == OLD, "its own slot serves it again")
    assert (times_seen(pair.ports.green, key), times_seen(pair.ports.blue, key)) == (1, 0)
    assert told(pair) - before == 2, "a line each, for down and up again"


@pytest.mark.threat(36)
def test_36_another_version_on_the_port_is_down(pair, old_visitor):
    App.version = "9.9.9"
    with in_blues_place(pair):
        eventually(lambda: "9.9.9" in (health(pair, "blue")["why"] or ""), "the proxy has noticed")
        pair.wait_looked()
        assert health(pair, "blue")["why"] == f"frontend: answered 9.9.9, wanted {OLD}"
        assert pair.version_of(old_visitor) == NEW
        assert 'bgctl_health_checks_total{slot="blue",outcome="version"}' in metrics(pair)
        App.version = OLD
        eventually(lambda: health(pair, "blue")["up"], "the first good answer brings it back")
    eventually(lambda: health(pair, "blue")["up"], "so does its own container")


@pytest.fixture
def by_image(pair: Stack) -> Iterator[Stack]:
    """An app that is asked by its name, and says nothing of a version."""
    pair.start_of_release()
    path = pair.directory / "bgctl.toml"
    text = path.read_text()
    path.write_text(text.replace('version = "json"', 'version = "image"\nhealth_host = "shop.example"'))
    pair.bgctl("up")
    yield pair
    path.write_text(text)
    pair.bgctl("up")
    eventually(lambda: health(pair, "blue")["up"], "blue is up")


@pytest.mark.threat(36)
def test_36_the_engine_proves_the_version_and_checks_come_as_browsers_do(by_image: Stack) -> None:
    before = [by_image.container(f"frontend-{slot}").id for slot in ("blue", "green")]
    by_image.bgctl("up")
    assert [by_image.container(f"frontend-{slot}").id for slot in ("blue", "green")] == before, "not anew"
    told = {name: slot["health"] for name, slot in by_image.ask("status")["slots"].items()}
    assert told == {"blue": "healthy", "green": "healthy"}
    App.version, App.came_as = "9.9.9", (None, None)
    with in_blues_place(by_image):
        eventually(lambda: App.came_as == ("shop.example", "http"), "the proxy asks as browsers do")
        seen = by_image.ask("status")["slots"]["blue"]["health"]
        assert "no container of frontend-blue runs" in seen
    App.version = OLD


def test_one_clients_bad_requests_mark_no_slot_down(pair, old_visitor):
    """What they ask for is a check, and that is good."""
    App.version = OLD
    with in_blues_place(pair):
        eventually(lambda: health(pair, "blue")["up"], "blue is up")
        since = health(pair, "blue")["since"]
        assert [post(pair, old_visitor, uuid.uuid4().hex).status_code for _ in range(20)] == [503] * 20
        assert health(pair, "blue") == {"up": True, "since": since, "why": None}
    eventually(lambda: pair.version_of(old_visitor) == OLD, "its own slot serves it")


@pytest.mark.threat(32)
def test_32_both_down_is_a_page_for_browsers_and_a_problem_for_programs(pair):
    for slot in ("blue", "green"):
        pair.container(f"frontend-{slot}").kill()
    try:
        eventually(lambda: is_down(pair, "blue") and is_down(pair, "green"), "the proxy has noticed")
        page = requests.get(f"{pair.url}/", headers={"Accept": "text/html"}, timeout=30)
        assert (page.status_code, page.headers["Retry-After"]) == (503, "2")
        assert (page.headers["Content-Type"], page.headers["Cache-Control"]) == (
            "text/html; charset=utf-8",
            "no-store",
        )
        assert "Back in a moment" in page.text
        problem = requests.get(f"{pair.url}/", timeout=30)
        assert problem.headers["Content-Type"] == "application/problem+json"
        assert (problem.json()["status"], problem.json()["title"]) == (503, "Service Unavailable")
        assert requests.head(f"{pair.url}/", timeout=30).status_code == 503
    finally:
        for slot in ("blue", "green"):
            pair.start_again(slot)
    eventually(lambda: requests.get(f"{pair.url}/", timeout=30).status_code == 200, "it recovers")
    eventually(lambda: health(pair, "blue")["up"] and health(pair, "green")["up"], "both are up")


@pytest.mark.threat(30)
def test_30_failed_requests_ask_for_a_check_and_the_page_may_be_the_operators(tmp_path: Path) -> None:
    """The proxy asks once an hour here: only requests that fail can have told it."""
    with running(tmp_path / "project", health_check="60m", read_timeout="1s") as one:
        one.expected += [FAILED, TOLD]
        (one.directory / "page.html").write_text("<h1>Our own page</h1>")
        toml = (one.directory / "bgctl.toml").read_text()
        toml = toml.replace("[proxy]", '[proxy]\nunavailable_page = "page.html"')
        (one.directory / "bgctl.toml").write_text(toml)
        one.bgctl("up")
        browser = one.visitor()
        one.version_of(browser)
        one.container("frontend-blue").pause()
        try:
            silent = one.visitor().get(f"{one.url}/", headers={"Accept": "text/html"}, timeout=30)
            assert (silent.status_code, silent.text) == (504, "<h1>Our own page</h1>")
            assert "Retry-After" not in silent.headers

            def asked_until_down() -> bool:
                one.visitor().get(f"{one.url}/", timeout=30)
                return is_down(one, "blue")

            eventually(asked_until_down, "the failed requests have told")
        finally:
            one.container("frontend-blue").unpause()
        (one.directory / "page.html").unlink()
        refusal = one.bgctl("up", code=3).stderr
        assert "proxy.unavailable_page names page.html: No such file or directory" in refusal
