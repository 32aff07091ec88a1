"""Health, proxy and session API over real HTTP: what counts as healthy, applied, empty and known."""

import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web_server import Reply, Web
from toolkit.clients import proxy
from toolkit.clients.http import Unreachable
from toolkit.clients.proxy import Proxy
from toolkit.clients.proxy_status import Slot
from toolkit.clients.session_api import Count, Sessions
from toolkit.config import Drain, Health
from toolkit.engine import ports
from toolkit.errors import Failed
from toolkit.health import proof
from toolkit.health.check import Check
from toolkit.values import Address, Duration

QUICK = Health(passes=3, interval=Duration(0.001), timeout=Duration(0.2))
GOOD: Reply = (200, {"status": "ok", "version": "1.6.8"})


@pytest.fixture
def nobody() -> Iterator[Address]:
    """An address that is taken and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Address(f"127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.threat(35)
@given(st.lists(st.sampled_from([None, "fault"])), st.integers(1, 5))
def test_35_healthy_is_so_many_good_answers_in_a_row_at_the_end(
    faults: list[str | None], passes: int
) -> None:
    streak = len(list(itertools.takewhile(lambda fault: fault is None, reversed(faults))))
    assert proof.judge(faults, passes) is (streak >= passes)


def check_of(address: str, path: str = "/healthz") -> Check:
    return Check("frontend", Address(address), path, address, "http", "json")


def test_prove_asks_until_it_has_seen_enough(web: Callable[[], Web]) -> None:
    app = web()
    replies: Iterator[Reply] = itertools.chain([(503, b""), GOOD, GOOD, (500, b"")], itertools.repeat(GOOD))
    app.answers["/healthz"] = lambda: next(replies)
    proof.prove("green", check_of(app.address), "1.6.8", Health(interval=Duration(0.001)))
    assert len(app.requests) == 7


@pytest.mark.threat(36)
def test_36_prove_says_what_answered_instead(web: Callable[[], Web]) -> None:
    app = web()
    app.answers["/healthz"] = (200, {"version": "0.0.0"})
    with pytest.raises(Failed, match=r"answered 0\.0\.0, wanted 1\.6\.8, after 0\.2 s"):
        proof.prove("green", check_of(app.address), "1.6.8", QUICK)


@pytest.mark.threat(35)
def test_35_prove_ends_when_there_is_no_hope(nobody: Address) -> None:
    patient = Health(timeout=Duration(3600))
    with pytest.raises(Failed, match="its container exited with code 70"):
        proof.prove("green", check_of(nobody), "1.6.8", patient, lambda: "its container exited with code 70")


def test_proxies_from_the_environment_are_not_asked(
    web: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, nobody: Address
) -> None:
    app = web()
    app.answers["/healthz"] = GOOD
    monkeypatch.setenv("http_proxy", nobody.url)
    assert proof.probe(check_of(app.address), "1.6.8") is None


def status(*generations: int, **changes: object) -> tuple[int, dict[str, Any]]:
    workers = [{"pid": pid, "generation": generation} for pid, generation in enumerate(generations)]
    slots = {"green": {"version": "1.6.8", "open": 0, "websockets": 0}}
    return 200, {"schema": 1, "workers": workers, "workersExpected": 2, "slots": slots, **changes}


def test_applied_is_when_every_expected_worker_has_it(web: Callable[[], Web]) -> None:
    control = web()
    replies = itertools.chain(
        [status(6, 6), status(7, 6), status(7, 8), status(7), status()], itertools.repeat(status(7, 7))
    )
    control.answers["/status"] = lambda: next(replies)
    Proxy(Address(control.address)).wait_applied(7, within=30)
    assert len(control.requests) == 6


def test_a_worker_that_is_leaving_is_not_waited_for(web: Callable[[], Web]) -> None:
    control = web()
    code, document = status(7, 7)
    document["workers"].append({"pid": 9, "generation": 3, "exiting": True})
    control.answers["/status"] = (code, document)
    Proxy(Address(control.address)).wait_applied(7, within=30)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (status(6, 6), r"workers have \[6, 6\]"),
        (status(6, 6, stateError="weight is not a number"), "weight is not a number"),
        ((500, b""), "status 500"),
        ((200, b"<html>"), "not bgctl's proxy"),
    ],
)
def test_what_keeps_a_proxy_from_applying_is_said(web: Callable[[], Web], reply: Reply, said: str) -> None:
    control = web()
    control.answers["/status"] = reply
    with pytest.raises(Failed, match=said):
        Proxy(Address(control.address)).wait_applied(7, within=0.1)


def test_a_proxy_that_died_is_not_waited_for(nobody: Address) -> None:
    with pytest.raises(Failed, match="exited with code 1"):
        Proxy(nobody).wait_applied(7, within=3600, dead=lambda: "its container exited with code 1")


def slot(open: int, websockets: int, generation: int = 7) -> tuple[int, dict[str, Any]]:
    return status(generation, generation, slots={"green": {"open": open, "websockets": websockets}})


@pytest.mark.threat(27)
def test_27_a_slot_is_empty_when_nothing_is_open_and_nothing_can_come(web: Callable[[], Web]) -> None:
    """A zero seen before every worker has the generation does not count."""
    control = web()
    replies = itertools.chain([slot(0, 0, 6), slot(3, 1), slot(1, 1)], itertools.repeat(slot(0, 0)))
    control.answers["/status"] = lambda: next(replies)
    said: list[str] = []
    assert Proxy(Address(control.address)).wait_empty("green", 7, Drain(), said.append) == "is empty"
    assert said == [
        "green has 2 requests and 1 WebSocket open",
        "green has 0 requests and 1 WebSocket open",
    ]


@pytest.mark.threat(27)
@pytest.mark.parametrize(
    ("left", "seconds", "note"),
    [
        (Slot(), 0, "is empty"),
        (Slot(open=2), 29, None),
        (Slot(open=2), 30, "still had 2 requests and 0 WebSockets at their deadline"),
        (Slot(open=2, websockets=1), 30, None),
        (Slot(open=1, websockets=1), 3599, None),
        (Slot(open=2, websockets=1), 3600, "still had 1 request and 1 WebSocket at their deadline"),
    ],
)
def test_27_requests_and_websockets_have_their_own_deadlines(
    left: Slot, seconds: float, note: str | None
) -> None:
    assert proxy.finished(left, seconds, Drain()) == note


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (slot(0, 0, 6), "not every worker has generation 7"),
        (status(6, 6, stateError="web2 has been silent for 6 s"), "web2 has been silent for 6 s"),
        ((500, b""), "the proxy does not answer"),
    ],
)
def test_why_it_is_unknown_whether_a_slot_is_empty(
    web: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    monkeypatch.setattr(proxy, "APPLY", 0.1)
    control = web()
    control.answers["/status"] = reply
    with pytest.raises(Failed, match=f"what green has open is unknown: {said}"):
        Proxy(Address(control.address)).wait_empty("green", 7, Drain(), lambda text: None)


@pytest.fixture
def admin_key(tmp_path):
    path = tmp_path / "admin.key"
    path.write_text("k" * 40 + "\r\n")
    return path


REPORT = {
    "totalActiveUsers": 2,
    "oldVersionSessions": 3,
    "currentVersion": "1.6.8",
    "users": [{"userId": "a", "email": "a@b.c", "lastActivity": "2026-01-15T10:30:00Z"}],
    "nextPage": None,
    "unknown": None,
    "versions": {"1.6.7": {"sessions": 3, "users": 2, "anonymous": 1, "websockets": 0, "lastActivity": None}},
    "forecast": None,
}


def test_sessions_are_counted_with_the_admin_key(web: Callable[[], Web], admin_key) -> None:
    api = web()
    api.answers["/api/deployment/active-sessions"] = (200, REPORT)
    client = Sessions(Address(api.address), admin_key)
    assert (client.on("1.6.7").sessions, client.on("1.6.8").sessions) == (3, 0)
    assert api.requests[0][1]["Authorization"] == "Bearer " + "k" * 40


@pytest.mark.threat(54)
@pytest.mark.parametrize(
    "reply", [(503, {"title": "busy"}), (401, b""), (200, b"<html>"), (200, {}), (302, b"")]
)
def test_54_a_count_that_cannot_be_had_is_unknown_and_never_0(
    web: Callable[[], Web], admin_key, reply
) -> None:
    api = web()
    api.answers["/api/deployment/active-sessions"] = reply
    client = Sessions(Address(api.address), admin_key)
    assert client.on("1.6.7") == Count(None, None)
    with pytest.raises(Failed, match="unknown"):
        client.report()


@pytest.mark.threat(54)
def test_54_nobody_to_ask_is_unknown(nobody: Address, admin_key) -> None:
    client = Sessions(nobody, admin_key)
    assert client.on("1.6.7") == Count(None, None)
    with pytest.raises(Unreachable, match="connection refused"):
        client.report()
    assert Sessions(nobody, admin_key.with_name("none")).on("1.6.7").sessions is None


@pytest.mark.threat(34)
def test_34_a_port_and_its_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = Address(f"127.0.0.1:{taken.getsockname()[1]}")
        assert not ports.is_free(address)
        assert "(pid " in ports.holder(address)
    assert ports.is_free(address)
    assert ports.holder(address) == "another program"
