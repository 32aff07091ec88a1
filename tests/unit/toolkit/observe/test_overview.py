"""What status and monitor derive from the answers: rates, progress, trouble, and what is unknown."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.toolkit.support.release_worlds import NEW, OLD, ReleaseWorld
from toolkit.clients.proxy_status import Activity, Slot
from toolkit.clients.session_api import Count, Report
from toolkit.monitor import snapshot
from toolkit.observe import overview
from toolkit.observe.overview import error_rate, migrated
from toolkit.observe.sources import Sources
from toolkit.project import Project
from toolkit.state.document import Deployment
from toolkit.terminal.ui import UI

NOW = datetime(2026, 1, 15, 14, 20, tzinfo=UTC)
RELEASE = Deployment("20260115-103000", OLD, NEW, "2026-01-15T10:30:00Z", "drain")


@pytest.mark.parametrize(
    ("now", "before", "rate"),
    [
        (Slot(), None, None),
        (Slot(served=0, errors=0), None, None),
        (Slot(served=200, errors=3), None, 0.015),
        (Slot(served=200, errors=3), Slot(), 0.015),
        (Slot(served=200, errors=3), Slot(served=200, errors=3), None),
        (Slot(served=210, errors=8), Slot(served=200, errors=3), 0.5),
        (Slot(served=10, errors=1), Slot(served=200, errors=3), 0.1),
    ],
)
def test_the_error_rate_is_that_since_the_last_look(
    now: Slot, before: Slot | None, rate: float | None
) -> None:
    assert error_rate(now, before) == rate


counts = st.none() | st.integers(0, 10**6)


@pytest.mark.threat(54)
@given(counts, counts, counts, counts)
def test_54_progress_is_a_share_or_unknown(
    a: int | None, b: int | None, c: int | None, d: int | None
) -> None:
    report = Report(NEW, {OLD: Count(a, a, b), NEW: Count(c, c, d)})
    share = migrated(report, RELEASE)
    if a is None or b is None or c is None or d is None or a == b == c == d == 0:
        assert share is None
    else:
        assert share == (c + d) / (a + b + c + d)


def test_a_version_that_nobody_was_seen_on_is_empty_and_an_unknown_one_is_not() -> None:
    assert migrated(Report(NEW, {NEW: Count(3, 3, 1)}), RELEASE) == 1
    assert migrated(Report(NEW, {NEW: Count(3, 3, 1)}, unknown="why"), RELEASE) is None


def ago(seconds: float) -> float:
    return (NOW - timedelta(seconds=seconds)).timestamp()


@pytest.mark.threat(51)
@pytest.mark.parametrize(
    ("activity", "trouble"),
    [
        (Activity(), None),
        (Activity(queued=9, delivered=1, last_delivery=ago(2)), None),
        (Activity(queued=9, delivered=1, last_delivery=ago(11)), "nothing is delivered, 9 waiting"),
        (Activity(queued=9), "nothing is delivered, 9 waiting"),
        (Activity(delivered=9, dropped=2, last_delivery=ago(2)), "2 lost"),
        (
            Activity(120, 5, 3, ago(60), "connection refused"),
            "connection refused, 120 waiting, 3 lost",
        ),
    ],
)
def test_51_the_proxys_reports_are_told_of_when_they_are_in_trouble(
    activity: Activity, trouble: str | None
) -> None:
    assert snapshot.activity_trouble(activity, NOW) == trouble


@pytest.fixture
def project(release: ReleaseWorld, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PATH", release.env["PATH"])
    return Project(release.root, UI(), "test")


def look(project: Project) -> snapshot.Snapshot:
    return snapshot.take(project, Sources(project, 100).wait(), project.now())


def test_everything_that_is_known(release: ReleaseWorld, project: Project) -> None:
    seen = look(project)
    blue = seen.slots["blue"]
    assert (blue.version, blue.state, blue.weight, blue.container, blue.health) == (
        *(OLD, "drain", 0),
        *("running", "healthy"),
    )
    assert (blue.sessions, blue.users, blue.visitors) == (34, 30, 12)
    assert (blue.open, blue.open_requests, blue.websockets, blue.error_rate) == (7, 3, 4, 0)
    assert (seen.silent, seen.unknown, seen.migrated) == ({}, None, 97 / 143)
    assert (seen.users_total, len(seen.users or [])) == (30, 30)
    assert [entry.what for entry in seen.history or []] == [
        "route enable-green",
        "route canary 10",
        "up-green",
    ]
    assert f"version={OLD}" in release.api.requests[-1][0]
    assert list(snapshot.alarms(seen)) == []


def test_nobody_answers_and_it_is_said_who(release: ReleaseWorld, project: Project) -> None:
    for web in (release.control, release.api, release.blue, release.green):
        web.stop()
    release.engine_says("#!/bin/sh\necho the daemon is away >&2; exit 1\n")
    seen = look(project)
    assert seen.silent == {
        "engine": "the daemon is away",
        "proxy": "connection refused",
        "session API": "connection refused",
    }
    assert {slot.sessions for slot in seen.slots.values()} == {None}
    assert (seen.phase, seen.proxy, seen.migrated, seen.users) == ("draining", None, None, None)
    alarms = list(snapshot.alarms(seen))
    told = next(line for line in alarms if line.startswith("blue is not healthy: "))
    assert told.startswith("blue is not healthy: frontend-blue: connection refused: the app has another port")


@pytest.mark.threat(54)
def test_54_a_store_that_is_down_is_told_once(release: ReleaseWorld, project: Project) -> None:
    release.api.answers["/api/deployment/active-sessions"] = (503, {"title": "the store does not answer"})
    assert look(project).silent == {"session API": "answered status 503"}


@pytest.mark.threat(41)
def test_41_without_a_state_the_proxy_still_says_what_it_routes(
    release: ReleaseWorld, project: Project
) -> None:
    answer = release._status()
    release.control.answers["/status"] = answer
    (release.root / "state" / "state.json").write_text("{")
    seen = look(project)
    assert (seen.phase, seen.slots["blue"].version, seen.slots["blue"].sessions) == (None, OLD, 34)
    assert "cannot be used" not in seen.silent["state"]
    assert "state" in seen.silent


def test_an_older_proxy_and_api_are_understood(release: ReleaseWorld, project: Project) -> None:
    release.activity = None
    status, document = release._status()
    assert isinstance(document, dict)
    document.pop("activity")
    for slot in document["slots"].values():
        slot.pop("requests"), slot.pop("errors")
    release.control.answers["/status"] = (status, document)
    seen = look(project)
    assert seen.proxy
    assert seen.proxy.activity is None
    assert seen.slots["blue"].error_rate is None


def test_what_the_proxy_has_not_applied_is_an_alarm(release: ReleaseWorld, project: Project) -> None:
    release.stuck_at = 6
    status, document = release._status()
    assert isinstance(document, dict)
    document |= {"stateError": "weight is not a number", "workers": document["workers"][:1]}
    release.control.answers["/status"] = (status, document)
    assert list(snapshot.alarms(look(project))) == [
        "the proxy refused the state: weight is not a number",
        "the proxy has 1 of 2 workers",
        "the proxy has generation 6, the state is 7",
    ]


@pytest.mark.threat(39)
def test_39_an_engine_that_hangs_holds_nobody_up(
    release: ReleaseWorld, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.observe.sources.ENGINE", 0.3)
    release.engine_says("#!/bin/sh\nexec sleep 60\n")
    view = overview.gather(project)
    assert view.silent["engine"].startswith("no answer for ")
    assert (view.slots["blue"].container, view.slots["blue"].sessions) == (None, 34)
