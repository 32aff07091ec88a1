"""Which counts are known, and what is told of those that are not."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.session_api.support.api import Api, rfc3339
from tests.unit.session_api.support.data import NOW, HandClock, write_state
from tests.unit.session_api.support.reports import row

NOTHING = {"sessions": None, "users": None, "anonymous": None, "websockets": None, "lastActivity": None}


@pytest.mark.parametrize("visitors", [False, True])
@pytest.mark.parametrize("sessions", [False, True])
def test_a_flood_of_visitors_leaves_sessions_known(api: Api, sessions: bool, visitors: bool) -> None:
    api.report(row("s1", "u1"), row("p1", None))
    api.report(complete=sessions, visitors_complete=visitors)
    said = api.ask().json
    told = said["versions"]["1.6.7"]
    assert (told["sessions"], told["anonymous"]) == (
        1 if sessions else None,
        1 if sessions and visitors else None,
    )
    assert (said["unknown"] is None, said["unknownVisitors"] is None) == (sessions, sessions and visitors)


@pytest.mark.threat(54)
def test_54_unknown_is_null_and_says_why(api: Api, clock: HandClock) -> None:
    api.log_in("u1", "1.6.7")

    def unknown() -> str | None:
        answer = api.ask().json
        if answer["unknown"]:
            assert (answer["totalActiveUsers"], answer["oldVersionSessions"]) == (None, None)
            assert answer["versions"] == {"1.6.7": NOTHING, "1.6.8": NOTHING}
            assert answer["forecast"] is None
        else:
            assert answer["totalActiveUsers"] == 1
        return answer["unknown"]

    assert unknown() == "no proxy has ever reported"
    api.report(since=NOW - 1799)
    assert unknown() == "proxy web1:8080 has not told yet all that it remembers"
    api.report(since=NOW - 1799)
    assert unknown() == "the session store was empty 0 s ago; counts are complete in 1800 s"
    api.report(since=NOW - 1800)
    assert unknown() is None
    clock.now += 10
    assert unknown() is None
    clock.now += 1
    assert unknown() == "proxy web1:8080 has not reported for 11 s"
    api.report(complete=False)
    assert unknown() == "proxy web1:8080 has not told yet all that it remembers"
    api.report()
    assert unknown() is None
    api.report(proxy="web2:8080", epoch=None)
    assert unknown() == "proxy web2:8080 has not told yet all that it remembers"


@pytest.mark.parametrize("generation", [1, 2])
def test_a_new_projects_count_is_known_at_once(
    make_api: Any, new_store: Any, state_file: Path, generation: int
) -> None:
    write_state(state_file, ("1.6.7", "ready", 100), (None, "maint", 0), generation=generation)
    from session_api.state.state import State

    api = make_api(store=new_store(fresh=State(state_file).is_new))
    for _ in range(2):
        api.report(since=NOW)
    assert (api.ask().json["unknown"] is None) is (generation == 1)


def test_a_forecast(api: Api, clock: HandClock, state_file: Path) -> None:
    switched = NOW // 60 * 60
    slots = ("1.6.7", "drain", 0), ("1.6.8", "ready", 100)
    write_state(state_file, *slots, updatedAt=rfc3339(switched))
    clock.now = switched
    tokens = [api.token(f"u{number}", "1.6.7") for number in range(4)]
    clock.now += 600
    for token in tokens[:2]:
        api.post("/api/deployment/logout", token)
    forecast = api.census().json["forecast"]
    # 2 of 3 on average left in 600 s, so one in 900 s; the last of 2 waits for H(2) = 1.52 of these.
    assert forecast["likely"] == rfc3339(switched + 600 + 1368)
    assert forecast["earliest"] == rfc3339(switched + 1800)
    assert forecast["latest"] == rfc3339(switched + 604800)
    for token in tokens:
        api.post("/api/deployment/logout", token)
    assert api.census().json["forecast"] == {"earliest": None, "likely": None, "latest": None}
    write_state(state_file, *slots, phase="canary", updatedAt=rfc3339(switched))
    api.log_in("u5", "1.6.7")
    assert api.census().json["forecast"]["likely"] is None
    write_state(state_file, ("1.6.7", "maint", 0), ("1.6.8", "ready", 100))
    assert api.census().json["forecast"] is None


def test_metrics_of_sessions(api: Api, clock: HandClock) -> None:
    api.log_in("u1", "1.6.7")
    assert "bgctl_api_counts_known 0.0" in api.get("/metrics").text
    api.report(row("p1", None, "1.6.8"))
    api.census()
    clock.now += 4
    lines = api.get("/metrics").text.splitlines()
    for line in (
        "bgctl_api_store_up 1.0",
        "bgctl_api_counts_known 1.0",
        'bgctl_api_sessions{version="1.6.7"} 1.0',
        'bgctl_api_users{version="1.6.7"} 1.0',
        'bgctl_api_visitors{version="1.6.8"} 1.0',
        'bgctl_api_proxy_report_age_seconds{proxy="web1:8080"} 4.0',
    ):
        assert line in lines
