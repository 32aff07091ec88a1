"""What goes wrong is a problem document (RFC 9457) that says what is known, and no more."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from session_api.stores.sqlite.store import SqliteStore
from tests.unit.session_api.support.api import Api, problem, rfc3339
from tests.unit.session_api.support.data import NOW, HandClock, damage


@pytest.mark.threat(53)
def test_53_a_busy_store(make_api: Any, tmp_path: Path, clock: HandClock) -> None:
    store = SqliteStore(tmp_path / "sessions.db", clock=clock, busy_timeout=0.01)
    api = make_api(store=store)
    api.log_in()
    other = sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert api.ask().status_code == 200
    for result in (api.log_in(), api.report()):
        assert problem(result, 503) == "The session store is busy."
        assert result.headers["retry-after"] == "1"
    other.execute("ROLLBACK")
    other.close()
    assert api.log_in().status_code == 201
    store.close()


@pytest.mark.threat(54)
def test_54_a_corrupt_store(make_api: Any, sqlite_store: SqliteStore, tmp_path: Path) -> None:
    api = make_api(store=sqlite_store)
    token = api.token(version="1.6.7")
    damage(tmp_path / "sessions.db")
    for result in (api.ask(), api.log_in(), api.post("/api/deployment/heartbeat", token), api.report()):
        assert problem(result, 503) == "The session store does not answer: sessions are unknown."
        assert result.headers["retry-after"] == "5"
    assert problem(api.get("/readyz"), 503) == "Not ready: store."
    assert api.get("/healthz").json == {"status": "ok"}
    metrics = api.get("/metrics").text
    assert "bgctl_api_store_up 0.0" in metrics
    assert "bgctl_api_sessions{" not in metrics
    assert "bgctl_api_counts_known 0.0" in metrics
    assert "bgctl_api_store_errors_total 4.0" in metrics
    (tmp_path / "sessions.db").unlink()
    assert api.post("/api/deployment/heartbeat", token).status_code == 200
    assert api.census().json["versions"]["1.6.7"]["sessions"] == 1


@pytest.mark.threat(55)
def test_55_the_stores_clock_decides(make_api: Any, new_store: Any) -> None:
    behind, ahead = HandClock(NOW), HandClock(NOW + 50)
    api = make_api(store=new_store(clock=ahead), clock=behind)
    assert api.log_in().json["expiresAt"] == rfc3339(NOW + 50 + 604800)


@pytest.mark.threat(41)
def test_41_the_state_file_is_torn(api: Api, state_file: Path) -> None:
    token = api.token()
    good = state_file.read_text()
    torn = [good[:50], "", "[]", good.replace('"schema": 2', '"schema": 3')]
    torn += [good.replace('"ready"', '"drain"'), good.replace('"1.6.8"', "null"), good.replace("100", "101")]
    for text in torn:
        state_file.write_text(text)
        assert api.post("/api/deployment/heartbeat", token).json["currentVersion"] == "1.6.8"
        assert problem(api.get("/readyz"), 503) == "Not ready: state."
    state_file.unlink()
    assert api.log_in().json["deploymentVersion"] == "1.6.8"
    state_file.write_text(good)
    assert api.get("/readyz").json == {"status": "ok"}


@pytest.mark.threat(41)
def test_41_no_state_file_yet(make_api: Any, state_file: Path) -> None:
    good = state_file.read_text()
    state_file.unlink()
    api = make_api()
    for result in (api.log_in(), api.census(), api.get("/api/deployment/version")):
        assert problem(result, 503) == "The current version is unknown: state or keys cannot be read."
    assert api.log_in(version="1.6.7").status_code == 201
    assert problem(api.get("/readyz"), 503) == "Not ready: state."
    state_file.write_text(good)
    assert api.get("/readyz").status_code == 200


def test_keys_that_turned_bad(api: Api, keys: Path) -> None:
    (keys / "verify" / "keyring.json").write_text("{")
    assert problem(api.get("/readyz"), 503) == "Not ready: keys."
    assert api.log_in().status_code == 201


def test_falcons_own_errors_are_problems_too(api: Api) -> None:
    problem(api.get("/nowhere"), 404)
    problem(api.get("/token"), 405)


def test_a_fault_of_ours_tells_clients_nothing(
    make_api: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(store, "census", fail)
    assert problem(make_api().census(), 500) == "This is a fault in the session API."
