"""What proxies report over HTTP, and which reports are refused."""

from typing import Any

import pytest

from tests.unit.session_api.support.api import Api, problem, rfc3339
from tests.unit.session_api.support.data import NOW, HandClock
from tests.unit.session_api.support.reports import EXPIRY, row


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
        "forecast": {"earliest": rfc3339(NOW + 1800), "likely": None, "latest": rfc3339(EXPIRY + 61)},
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
    [["s1", "u1", "1.6.7", "now", EXPIRY]],
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


def test_sessions_by_cookie_are_sessions_of_nobody(api: Api) -> None:
    rows = [[*row(sid, None), 0, kind] for sid, kind in (("c.1", "session"), ("a", "client"))]
    assert api.report(*rows, row("p", None)).status_code == 200
    counted = api.census().json
    assert (counted["totalActiveUsers"], counted["users"]) == (0, [])
    assert counted["versions"]["1.6.7"]["sessions"] == 1
    assert counted["versions"]["1.6.7"]["anonymous"] == 2
    problem(api.report([*row("x", None), 0, "robot"]), 400)


def test_a_proxy_that_starts_anew_reads_them_page_by_page(api: Api) -> None:
    rows = [[*row(f"c.{number:04}", None), 0, "session"] for number in range(1000)]
    api.report(*rows)
    first = api.get("/_bgctl/clients", api.proxy_key).json
    assert (len(first["clients"]), first["clients"][0], first["next"]) == (
        1000,
        ["c.0000", "1.6.7", 0],
        "c.0999",
    )
    assert api.get("/_bgctl/clients?after=c.0999", api.proxy_key).json == {"clients": [], "next": None}


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
