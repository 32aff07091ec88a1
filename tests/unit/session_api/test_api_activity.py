"""What proxies report, and what is told of it: known, unknown, pages, forecasts, metrics."""

import re
from pathlib import Path
from typing import Any

import pytest
from api_support import NOW, Api, HandClock, write_state
from test_api_endpoints import problem, rfc3339

LIFE = NOW + 604800


def row(sid: str, user: str | None, version: str = "1.6.7", at: float = NOW, exp: float = LIFE) -> list[Any]:
    return [sid, user, version, at, exp]


@pytest.fixture
def api(make_api: Any, new_store: Any) -> Api:
    return make_api(store=new_store(idle_timeout=1800), idle_timeout=1800)


def test_a_report_is_counted(api: Api, clock: HandClock) -> None:
    clock.now += 10
    gauges = {"1.6.7": {"open": 3, "websockets": 2, "requests": 9, "errors": 1}}
    answer = api.report(row("s1", "u1"), row("s2", "u1", "1.6.8", NOW + 2.5), row("p1", None), gauges=gauges)
    assert answer.status_code == 200
    assert answer.json == {"epoch": api.epoch}
    assert answer.headers["cache-control"] == "no-store"
    assert api.census().json == {
        "totalActiveUsers": 1,
        "oldVersionSessions": 1,
        "currentVersion": "1.6.8",
        "users": [{"userId": "u1", "email": None, "lastActivity": rfc3339(NOW)}],
        "nextPage": None,
        "unknown": None,
        "unknownVisitors": None,
        "versions": {
            "1.6.7": {
                "sessions": 1,
                "users": 1,
                "anonymous": 1,
                "websockets": 2,
                "lastActivity": rfc3339(NOW),
            },
            "1.6.8": {
                "sessions": 1,
                "users": 1,
                "anonymous": 0,
                "websockets": 0,
                "lastActivity": rfc3339(NOW + 3),
            },
        },
        "forecast": {"earliest": rfc3339(NOW + 1800), "likely": None, "latest": rfc3339(LIFE + 61)},
    }


@pytest.mark.threat(55)
def test_55_only_the_age_of_a_row_is_believed(api: Api) -> None:
    """The proxy's clock is an hour ahead; one row is from its future."""
    rows = (row("s1", "u1", at=NOW + 3590), row("s2", "u2", "1.6.8", at=NOW + 9999))
    api.report(*rows, now=NOW + 3600, since=NOW - 864000)
    versions = api.census().json["versions"]
    assert versions["1.6.7"]["lastActivity"] == rfc3339(NOW - 10)
    assert versions["1.6.8"]["lastActivity"] == rfc3339(NOW)


def test_websockets_of_all_proxies(api: Api) -> None:
    def open_on(api: Api, version: str = "1.6.7") -> int | None:
        return api.census().json["versions"][version]["websockets"]

    assert open_on(api) is None
    api.report(gauges={"1.6.7": {"websockets": 2}})
    assert (open_on(api), open_on(api, "1.6.8")) == (2, 0)
    api.report(proxy="web2:8080", gauges={"1.6.7": {"websockets": 3}})
    api.report(proxy="web2:8080")  # as before
    assert open_on(api) == 5


BAD = [
    [row("s1", "u1")[:4]],
    [[*row("s1", "u1"), "1"]],
    [[*row("s1", "u1"), NOW, 1]],
    [row("", "u1")],
    [row("s" * 129, "u1")],
    [row("s\n", "u1")],
    [row("s\u00e9", "u1")],
    [row("s1", "")],
    [row("s1", "u" * 513)],
    [row("s1", "u1", "-1")],
    [row("s1", "u1", "1.6.7 ")],
    [row("s1", "u1", at=-1)],
    [row("s1", "u1", exp=2.0**53)],
    [["s1", "u1", "1.6.7", "now", LIFE]],
    [["s1", "u1", "1.6.7", NOW, None]],
    [{"sid": "s1"}],
]


@pytest.mark.parametrize("rows", BAD, ids=repr)
def test_a_malformed_row_refuses_the_batch_and_is_named(api: Api, rows: list[Any]) -> None:
    detail = problem(api.report(row("fine", "u1"), *rows), 400)
    assert "$.sessions[1]" in detail
    assert api.census().json["totalActiveUsers"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"proxy": ""},
        {"proxy": "a b"},
        {"now": "now"},
        {"now": -1},
        {"since": None},
        {"epoch": 1},
        {"complete": None},
        {"sessions": None},
        {"gone": [1]},
        {"gone": "p1"},
        {"gauges": {"-": {}}},
        {"gauges": {"1.6.7": {"open": -1}}},
    ],
    ids=repr,
)
def test_a_malformed_report(api: Api, changes: dict[str, Any]) -> None:
    problem(api.report(**changes), 400)


def test_a_batch_has_its_limits(api: Api) -> None:
    rows = [row(f"{number:064}", f"u{number:0127}") for number in range(1000)]
    assert api.report(*rows).status_code == 200
    assert api.census().json["totalActiveUsers"] == 1000
    problem(api.report(*rows, row("one more", "u1")), 400)
    problem(api.report(gone=["x" * 100] * 11000), 413)
    for body in ("", "{", "[]", "[" * 8000):
        headers = {"Authorization": f"Bearer {api.proxy_key}", "Content-Type": "application/json"}
        problem(api.client.simulate_post("/_bgctl/activity", body=body, headers=headers), 400)


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


def test_an_older_proxy_vouches_for_both_at_once(api: Api) -> None:
    api.report(row("p1", None))
    api.report(complete=True)
    assert api.ask().json["versions"]["1.6.7"]["anonymous"] == 1


@pytest.mark.threat(76)
def test_76_who_was_seen_since_is_another_client_of_that_pin(api: Api, clock: HandClock) -> None:
    def visitors() -> int:
        return api.census().json["versions"]["1.6.7"]["anonymous"]

    api.report(row("p1", None, at=NOW), row("p2", None, at=NOW), row("p3", None, at=NOW))
    clock.now += 60
    api.report(row("p1", None, at=NOW + 50), proxy="web2:8080")
    api.report(gone=[["p1", NOW + 20], ["p2", NOW + 20], "p3"])
    assert visitors() == 1
    api.report(gone=[["p1", NOW + 55.5]])
    assert visitors() == 0


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
    from session_api.version import State

    api = make_api(store=new_store(fresh=State(state_file).is_new))
    for _ in range(2):
        api.report(since=NOW)
    assert (api.ask().json["unknown"] is None) is (generation == 1)


def test_users_come_in_pages(api: Api, clock: HandClock) -> None:
    for number in range(5):
        clock.now += 1
        api.log_in(f"u{number}", "1.6.7", email=f"{number}@x.y")
    first = api.census(limit=2).json
    assert [user["userId"] for user in first["users"]] == ["u4", "u3"]
    second = api.ask(limit=2, page=first["nextPage"]).json
    assert [user["userId"] for user in second["users"]] == ["u2", "u1"]
    third = api.ask(limit=2, page=second["nextPage"]).json
    assert third["users"] == [{"userId": "u0", "email": "0@x.y", "lastActivity": rfc3339(NOW + 1)}]
    assert third["nextPage"] is None
    assert api.ask(limit=5).json["nextPage"] is None
    assert (api.ask(limit=0).json["users"], api.ask(limit=0).json["nextPage"]) == ([], None)
    assert api.ask(limit=2, page=first["nextPage"], version="9").json["users"] == second["users"]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", first["nextPage"])


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "-1"},
        {"limit": "1001"},
        {"limit": "x"},
        {"page": "x"},
        {"page": "\u00e9"},
        {"page": "W10"},
        {"idle": "-1"},
        {"idle": "1.5"},
        {"version": "-"},
    ],
    ids=repr,
)
def test_queries_that_make_no_sense(api: Api, query: dict[str, str]) -> None:
    problem(api.ask(**query), 400)


def test_whose_users_are_listed(api: Api, state_file: Path) -> None:
    write_state(state_file, ("1.6.5", "drain", 0), ("1.6.6", "ready", 100))
    api.log_in("u1", "1.6.5")
    api.log_in("u2", "1.6.6")
    api.log_in("u3", "1.6.6")
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))
    api.log_in("u4", "1.6.7")

    def listed(**query: Any) -> list[str]:
        return sorted(user["userId"] for user in api.ask(**query).json["users"])

    assert listed() == ["u4"]  # of the version that drains
    write_state(state_file, ("1.6.7", "maint", 0), ("1.6.8", "ready", 100))
    assert listed() == ["u2", "u3"]  # of the most used old one
    assert listed(version="1.6.5") == ["u1"]


def test_a_shorter_window(api: Api, clock: HandClock) -> None:
    api.log_in("u1", "1.6.7")
    clock.now += 100
    api.log_in("u2", "1.6.7")
    assert api.census(idle=101).json["versions"]["1.6.7"]["sessions"] == 2
    answer = api.ask(idle=100).json
    assert (answer["totalActiveUsers"], answer["oldVersionSessions"]) == (1, 1)
    assert [user["userId"] for user in answer["users"]] == ["u2"]
    assert answer["forecast"] == api.ask().json["forecast"]


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


def test_a_session_that_was_moved_carries_the_move_into_its_token(api: Api) -> None:
    issued = api.log_in("u1", "1.6.7").json
    api.report(row(issued["sid"], "u1", "1.6.8"))
    routed = {"X-Deployment-Version": "1.6.8"}
    beat = api.post("/api/deployment/heartbeat", issued["token"], **routed).json
    assert beat == {"yourVersion": "1.6.8", "currentVersion": "1.6.8", "updateAvailable": False}
    refreshed = api.post("/api/deployment/refresh", issued["token"], **routed).json
    assert (refreshed["deploymentVersion"], refreshed["sid"]) == ("1.6.8", issued["sid"])
    counts = api.census().json["versions"]
    assert (counts["1.6.7"]["sessions"], counts["1.6.8"]["sessions"]) == (0, 1)


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
