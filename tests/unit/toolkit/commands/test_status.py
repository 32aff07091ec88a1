"""`bgctl status` and `bgctl sessions` in a release: counts, forecast, users, and what is unknown."""

import json
import threading
from collections.abc import Callable

import pytest

from tests.unit.toolkit.support.release_worlds import NEW, OLD, ReleaseWorld
from tests.web_server import Reply

pytestmark = pytest.mark.whole

HEAD = ["version", "sessions", "users", "visitors", "WebSockets", "last", "activity"]
ADDRESS = "@example.org"


def run(release: ReleaseWorld, *argv: str, code: int = 0) -> str:
    done = release.bgctl(*argv, env=release.env)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def cells(text: str, first: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


def test_status_counts_people_and_what_is_open(release: ReleaseWorld) -> None:
    text = run(release, "status")
    assert cells(text, "slot")[6:] == ["sessions", "visitors", "requests", "WebSockets"]
    assert cells(text, "blue")[1:] == [OLD, "drain", "0", "running", "healthy", "34", "12", "3", "4"]
    assert cells(text, "green")[1:] == [NEW, "ready", "100", "running", "healthy", "67", "30", "10", "11"]
    assert "68 % of sessions and visitors are on 1.6.8" in text
    assert "1.6.7 is empty: earliest in " in text
    assert "latest in 6 d" in text


def test_status_as_json(release: ReleaseWorld) -> None:
    view = json.loads(run(release, "status", "--json"))
    blue = view["slots"]["blue"]
    assert (blue["sessions"], blue["users"], blue["visitors"], blue["websockets"]) == (34, 30, 12, 4)
    assert (view["silent"], view["unknown"], view["migrated"]) == ({}, None, 97 / 143)
    assert view["forecast"]["likely"]


@pytest.mark.threat(54)
def test_54_status_says_why_something_is_unknown(release: ReleaseWorld) -> None:
    release.counts = dict.fromkeys(release.counts, (None,) * 4)
    release.unknown = "proxy web1:8080 has not reported for 14 s"
    release.engine_says("#!/bin/sh\necho the daemon is away >&2; exit 1\n")
    text = run(release, "status")
    assert cells(text, "blue")[4:] == ["unknown", "healthy", "unknown", "unknown", "3", "4"]
    assert "sessions are unknown: proxy web1:8080 has not reported for 14 s" in text
    assert "engine: the daemon is away" in text
    assert " is empty" not in text
    release.api.stop()
    assert "session API: connection refused" in run(release, "status")


def test_status_asks_everybody_at_once(release: ReleaseWorld) -> None:
    """Nobody answers a first question before all four have been asked theirs."""
    everybody, asked = threading.Barrier(4, timeout=1.5), set[int]()

    def together(number: int, answer: Reply | Callable[[], Reply]) -> Callable[[], Reply]:
        def reply() -> Reply:
            if number not in asked:
                asked.add(number)
                everybody.wait()
            return answer() if callable(answer) else answer

        return reply

    for number, web in enumerate((release.control, release.api, release.blue, release.green)):
        web.answers = {path: together(number, answer) for path, answer in web.answers.items()}
    view = json.loads(run(release, "status", "--json"))
    assert not everybody.broken
    assert view["silent"] == {}


def test_no_node_is_left_out_where_there_is_one_host(release: ReleaseWorld) -> None:
    done = release.bgctl("--without", "node3", "status", env=release.env)
    assert done.returncode == 3
    assert "--without node3: there is no such node: there is one host" in done.stderr


def test_sessions_by_version(release: ReleaseWorld) -> None:
    text = run(release, "sessions")
    assert cells(text, "version") == HEAD
    assert cells(text, OLD) == [OLD, "34", "30", "12", "4", "-"]
    assert "new sessions get 1.6.8; 34 sessions on other versions" in text
    assert "the old version is empty: earliest in " in text


@pytest.mark.threat(54)
def test_54_sessions_that_are_unknown_have_a_reason_and_exit_code_1(release: ReleaseWorld) -> None:
    release.counts = dict.fromkeys(release.counts, (None,) * 4)
    release.unknown = "proxy web1:8080 has not reported for 14 s"
    text = run(release, "sessions", code=1)
    assert cells(text, OLD) == [OLD, *["unknown"] * 4, "-"]
    assert "unknown: proxy web1:8080 has not reported for 14 s" in text
    assert json.loads(run(release, "sessions", "--json", code=1))["versions"][OLD]["sessions"] is None


def test_users_come_from_as_many_pages_as_it_takes(release: ReleaseWorld) -> None:
    release.page = 7
    text = run(release, "sessions", "--users")
    assert text.count(ADDRESS) == 30
    assert cells(text, "user29")[:2] == ["user29", "user29@example.org"]
    assert cells(text, "user29")[-2:] == ["min", "ago"]
    assert "and more" not in text
    assert len(release.api.requests) == 5


@pytest.mark.parametrize(("count", "pages"), [(5, 1), (7, 1), (10, 2)])
def test_no_more_users_than_asked_for(release: ReleaseWorld, count: int, pages: int) -> None:
    release.page = 7
    text = run(release, "sessions", "--users", "-n", str(count))
    assert text.count(ADDRESS) == count
    assert "and more: -n lists them" in text
    assert len(release.api.requests) == pages
    seen = json.loads(run(release, "sessions", "--users", "-n", str(count), "--json"))
    assert len(seen["users"]) == count
    assert seen["nextPage"] == str(count)


def test_a_page_that_leads_nowhere_is_the_last(release: ReleaseWorld) -> None:
    release.people = []
    status, report = release._report() if release.bgctl("sessions") else (0, {})
    assert isinstance(report, dict)
    release.api.answers["/api/deployment/active-sessions"] = (status, {**report, "nextPage": "again"})
    assert json.loads(run(release, "sessions", "--users", "--json"))["users"] == []


def test_addresses_are_shown_only_where_they_are_asked_for(release: ReleaseWorld) -> None:
    for argv in (["status"], ["status", "--json"], ["sessions"], ["sessions", "--json"], ["doctor"]):
        assert ADDRESS not in release.bgctl(*argv, env=release.env).stdout
    assert ADDRESS in run(release, "sessions", "--users")


def test_what_users_call_themselves_steers_no_terminal(release: ReleaseWorld) -> None:
    release.people = [("\x1b[2Jmallory", "m\r\n\x07@example.org", 60)]
    text = run(release, "sessions", "--users")
    assert "?[2Jmallory  m???@example.org" in text
    assert not {"\x1b", "\r", "\x07"} & set(text)
