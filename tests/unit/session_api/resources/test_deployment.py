"""Which version is current, and who is still on another, over HTTP."""

from pathlib import Path
from typing import Any

from tests.unit.session_api.support.api import Api, rfc3339
from tests.unit.session_api.support.data import NOW, HandClock, write_state


def test_heartbeat(api: Api, state_file: Path) -> None:
    token = api.token(version="1.6.7")
    told = {"yourVersion": "1.6.7", "currentVersion": "1.6.8", "updateAvailable": True}
    assert api.post("/api/deployment/heartbeat", token).json == told
    write_state(state_file, ("1.6.7", "ready", 100), ("1.6.8", "maint", 0))
    assert api.post("/api/deployment/heartbeat", token).json == told | {
        "currentVersion": "1.6.7",
        "updateAvailable": False,
    }


def test_a_canary_asks_nobody_to_move(api: Api, state_file: Path) -> None:
    write_state(state_file, ("1.6.7", "ready", 90), ("1.6.8", "ready", 10))
    for version in ("1.6.7", "1.6.8"):
        beat = api.post("/api/deployment/heartbeat", api.token(version=version)).json
        assert (beat["yourVersion"], beat["updateAvailable"]) == (version, False)


def test_a_visitors_page_hears_whether_it_is_old(api: Api, state_file: Path) -> None:
    def is_old(version: str) -> bool:
        headers = {"X-Deployment-Version": version}
        answer = api.client.simulate_get("/api/deployment/version", headers=headers).json
        assert answer["currentVersion"] == "1.6.8"
        return bool(answer["updateAvailable"])

    assert [is_old("1.6.7"), is_old("1.6.8"), is_old("1.5.0")] == [True, False, True]
    write_state(state_file, ("1.6.7", "ready", 10), ("1.6.8", "ready", 90))
    assert [is_old("1.6.7"), is_old("1.6.8")] == [False, False]


def test_nobody_is_asked_to_move_back_by_a_state_that_is_behind(api: Api, state_file: Path) -> None:
    """As on a node whose agent has stopped: the others give sessions to 1.6.8 already."""
    token = api.token(version="1.6.8")
    write_state(state_file, ("1.6.7", "ready", 100), ("1.6.8", "maint", 0), generation=18)
    ahead = {"X-Deployment-Version": "1.6.8", "X-Deployment-Generation": "19"}
    told = {"yourVersion": "1.6.8", "currentVersion": "1.6.8", "updateAvailable": False}
    assert api.post("/api/deployment/heartbeat", token, **ahead).json == told
    answer = api.client.simulate_get("/api/deployment/version", headers=ahead).json
    assert (answer["currentVersion"], answer["updateAvailable"]) == ("1.6.8", False)
    nonsense = ahead | {"X-Deployment-Version": "<b>"}
    answer = api.client.simulate_get("/api/deployment/version", headers=nonsense).json
    assert answer["currentVersion"] == "1.6.7"


def on_version(sessions: int, latest: int | None, anonymous: int = 0) -> dict[str, Any]:
    return {
        "sessions": sessions,
        "users": sessions,
        "anonymous": anonymous,
        "websockets": None,
        "lastActivity": None if latest is None else rfc3339(latest),
    }


def test_active_sessions(api: Api, clock: HandClock, state_file: Path) -> None:
    api.log_in("u1", "1.6.7", email="a@b.c")
    clock.now += 5
    api.log_in("u1", "1.6.8", email="a@b.c")
    write_state(state_file, ("1.6.6", "drain", 0), ("1.6.7", "ready", 100))
    api.log_in("u2", "1.6.6")
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))
    assert api.census().json == {
        "totalActiveUsers": 2,
        "oldVersionSessions": 2,
        "currentVersion": "1.6.8",
        "users": [{"userId": "u1", "email": "a@b.c", "lastActivity": rfc3339(NOW)}],
        "nextPage": None,
        "unknown": None,
        "unknownVisitors": None,
        "versions": {
            "1.6.6": on_version(1, NOW + 5),
            "1.6.7": on_version(1, NOW),
            "1.6.8": on_version(1, NOW + 5),
        },
        "forecast": {"earliest": None, "likely": None, "latest": rfc3339(NOW + 604800)},
    }
    other = {"userId": "u2", "email": None, "lastActivity": rfc3339(NOW + 5)}
    assert api.ask(version="1.6.6").json["users"] == [other]


def test_a_version_in_service_without_sessions_is_a_known_0(api: Api) -> None:
    empty = on_version(0, None)
    assert api.census().json["versions"] == {"1.6.7": empty, "1.6.8": empty}
