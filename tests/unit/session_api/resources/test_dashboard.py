"""The dashboard's pages and its data."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from session_api.stores.sqlite.store import SqliteStore
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.dashboard import FORM, HOST, PATH, cookie_of, data, log_in
from tests.unit.session_api.support.data import HandClock, damage


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("", FORM["Content-Type"], 401),
        ("key", FORM["Content-Type"], 401),
        ("%ff=%00&key=%ff", FORM["Content-Type"], 401),
        ("&".join("abcdefghi"), FORM["Content-Type"], 400),
        ("=&" * 9, FORM["Content-Type"], 400),
        ('{"key": "x"}', "application/json", 415),
        ("key=x", "text/plain", 415),
        ("k" * (16 * 1024 + 1), FORM["Content-Type"], 413),
    ],
)
def test_forms_that_are_none(api: Api, body: str, kind: str, status: int) -> None:
    headers = {"Origin": HOST, "Content-Type": kind}
    assert api.client.simulate_post(f"{PATH}/login", body=body, headers=headers).status_code == status


def test_the_page_may_load_and_be_framed_by_nothing_else(api: Api) -> None:
    for cookie in ("", cookie_of(log_in(api))):
        headers = api.client.simulate_get(PATH, headers={"Cookie": cookie}).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert {policy[f"{kind}-src"] for kind in ("script", "style", "connect", "img")} == {"'self'"}
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "same-origin")
        assert headers["x-content-type-options"] == "nosniff"


def test_the_key_is_not_logged(serve: Any, keys: Path) -> None:
    server = serve()
    key = (keys / "admin" / "admin.key").read_text().strip()
    for sent, status in ((key, 303), (key[:-1], 401)):
        answer = requests.post(
            f"{server.url}{PATH}/login",
            data={"key": sent},
            headers={"Origin": server.url},
            allow_redirects=False,
            timeout=30,
        )
        assert answer.status_code == status
    server.stop()
    events = [json.loads(line)["event"] for line in server.lines]
    assert {"dashboard: logged in", "dashboard: log-in refused"} <= set(events)
    assert key[:-1] not in "".join(server.lines)


# The data.
def test_data(api: Api, state_file: Path) -> None:
    api.log_in("u1", "1.6.7", email="a@b.c")
    gauges = {"1.6.7": {"open": 5, "websockets": 4, "requests": 200, "errors": 3}}
    api.report(gauges=gauges)
    document = json.loads(state_file.read_text())
    document["updatedAt"] = "2027-01-15T08:00:00Z"
    document["deployment"] = {
        "id": "20270115-075000",
        "from": "1.6.7",
        "to": "1.6.8",
        "startedAt": "2027-01-15T07:50:00Z",
        "step": "drain",
    }
    state_file.write_text(json.dumps(document))
    counted = api.census().json
    shown = data(api, cookie_of(log_in(api))).json
    assert shown == {
        "at": "2027-01-15T08:00:00Z",
        "phase": "draining",
        "updatedAt": "2027-01-15T08:00:00Z",
        "deployment": document["deployment"],
        "slots": document["slots"],
        "sessions": counted,
        "unknown": None,
        "gauges": gauges,
        "history": [],
    }


@pytest.mark.threat(54)
def test_54_a_store_that_does_not_answer_hides_no_slot(
    make_api: Any, clock: HandClock, tmp_path: Path
) -> None:
    api = make_api(SqliteStore(tmp_path / "sessions.db", clock=clock))
    api.log_in("u1", "1.6.7")
    cookie = cookie_of(log_in(api))
    damage(tmp_path / "sessions.db")
    shown = data(api, cookie).json
    assert (shown["sessions"], shown["unknown"]) == (None, "the session store does not answer")
    assert shown["slots"]["green"] == {"version": "1.6.8", "state": "ready", "weight": 100}


@pytest.mark.threat(41)
def test_41_no_state_file_yet(make_api: Any, state_file: Path) -> None:
    state_file.unlink()
    api = make_api()
    assert data(api, cookie_of(log_in(api))).status_code == 503


@pytest.mark.parametrize("limit", ["1001", "x", "-1"])
def test_limits_of_a_page_of_users(api: Api, limit: str) -> None:
    assert data(api, cookie_of(log_in(api)), limit=limit).status_code == 400
