"""The new parts of what session API and proxy say, over real HTTP; an older proxy is understood."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.web_server import Web
from toolkit.clients.proxy import Proxy
from toolkit.clients.proxy_status import Activity
from toolkit.clients.session_api import Count, Forecast, Sessions, User
from toolkit.values import Address

PATH = "/api/deployment/active-sessions"
REPORT = {
    "totalActiveUsers": 2,
    "oldVersionSessions": 3,
    "currentVersion": "1.6.8",
    "users": [{"userId": "u1", "email": "a@b.c", "lastActivity": "2026-01-15T10:30:00Z"}],
    "nextPage": "x",
    "unknown": None,
    "versions": {"1.6.7": {"sessions": 3, "users": 2, "anonymous": 1, "websockets": 4, "lastActivity": None}},
    "forecast": {"earliest": "2026-01-15T11:00:00Z", "likely": None, "latest": "2026-01-22T10:30:00Z"},
}


@pytest.fixture
def api(web: Callable[[], Web]) -> Web:
    server = web()
    server.answers[PATH] = (200, REPORT)
    return server


@pytest.fixture
def sessions(api: Web, tmp_path: Path) -> Sessions:
    (tmp_path / "admin.key").write_text("k" * 40)
    return Sessions(Address(api.address), tmp_path / "admin.key")


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def test_a_report_is_read_whole(sessions: Sessions) -> None:
    report = sessions.report()
    assert (report.on("1.6.7"), report.on("1.6.8")) == (Count(3, 2, 1, 4), Count(0, 0, 0, 0))
    assert report.forecast == Forecast(utc(15, 11), None, utc(22, 10, 30))
    assert (report.users, report.next_page) == ([User("u1", "a@b.c", utc(15, 10, 30))], "x")


@pytest.mark.threat(54)
def test_54_what_the_api_does_not_know_is_unknown_with_a_reason(api: Web, sessions: Sessions) -> None:
    unknown = {"sessions": None, "users": None, "anonymous": None, "websockets": None, "lastActivity": None}
    silent = {"unknown": "proxy web1 is silent", "versions": {"1.6.7": unknown}, "oldVersionSessions": None}
    api.answers[PATH] = (200, {**REPORT, **silent})
    report = sessions.report()
    assert report.unknown == "proxy web1 is silent"
    assert report.on("1.6.7") == report.on("1.6.8") == Count(None, None)


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ({}, "limit=0"),
        ({"idle": 90.0}, "idle=90&limit=0"),
        ({"users": 5, "page": "a/b", "version": "1.6.7"}, "limit=5&page=a%2Fb&version=1.6.7"),
    ],
)
def test_what_the_session_api_is_asked(
    api: Web, sessions: Sessions, asked: dict[str, Any], query: str
) -> None:
    sessions.report(**asked)
    assert api.requests[-1][0] == f"{PATH}?{query}"


def proxy_status(slot: dict[str, int], **more: object) -> tuple[int, dict[str, object]]:
    workers = [{"pid": 1, "generation": 7}]
    green = {"version": "1.6.8", "open": 4, "websockets": 3, **slot}
    return 200, {"workers": workers, "workersExpected": 1, "slots": {"green": green}, **more}


def test_what_the_proxy_counts(web: Callable[[], Web]) -> None:
    control = web()
    feed = {"queued": 1, "delivered": 2, "dropped": 3, "lastDelivery": 1764000000.1, "error": "timeout"}
    control.answers["/status"] = proxy_status({"requests": 900, "errors": 2}, activity=feed)
    seen = Proxy(Address(control.address)).status()
    green = seen.slots["green"]
    assert (green.open_requests, green.websockets, green.served, green.errors) == (1, 3, 900, 2)
    assert seen.activity == Activity(1, 2, 3, 1764000000.1, "timeout")


def test_a_proxy_from_before_counts_nothing(web: Callable[[], Web]) -> None:
    control = web()
    control.answers["/status"] = proxy_status({})
    seen = Proxy(Address(control.address)).status()
    assert (seen.activity, seen.slots["green"].served, seen.slots["green"].errors) == (None, None, None)
