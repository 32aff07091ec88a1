"""WebSockets of real client libraries through a promotion: all come back, and not all at once."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from tests.e2e.support.reconnecting import Clients, holding
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

GRACE = 6  # seconds, in 70 % of which the app ends its sockets one by one (compose/demo-app/app/farewell.py)
SPREAD = GRACE * 0.7
BUCKET = 0.1
FORMS = [
    ("websockets", 40),
    pytest.param("websockets", 200, marks=pytest.mark.faults),
    pytest.param("reconnecting-websocket", 200, marks=pytest.mark.faults),
]


@pytest.fixture(scope="module")
def brisk(tmp_path_factory):
    with running(
        tmp_path_factory.mktemp("brisk") / "project",
        request_deadline="1s",
        websocket_deadline="1s",
        stop_grace=f"{GRACE}s",
    ) as one:
        yield one


def all_hear(clients: Clients, count: int, text: str) -> None:
    """Those that are between two sockets when it is said hear it the next time."""

    def heard() -> bool:
        clients.say(text)
        return clients.log.heard(text) == count

    eventually(heard, f"all of {count} are open and hear {text}", patience=120)


def promoted(stack: Stack) -> None:
    process = stack.start("promote", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


def most_at_a_time(moments: list[float]) -> int:
    """How many came within the same 100 ms."""
    return max(Counter(int(at / BUCKET) for at in moments).values())


@pytest.mark.parametrize(("library", "count"), FORMS)
def test_all_come_back_spread_out_and_to_the_version_that_is_served(brisk, library, count):
    old, new = (OLD, NEW) if brisk.state()["slots"]["blue"]["version"] == OLD else (NEW, OLD)
    url = f"ws://127.0.0.1:{brisk.ports.proxy}/ws"
    with holding(library, url, count) as clients:
        all_hear(clients, count, "before")
        brisk.bgctl("up-green", new)
        brisk.bgctl("route", "enable-green")
        all_hear(clients, count, "during")
        assert {len(each) for each in clients.log.opened().values()} == {1}, "a switch ends none"
        brisk.bgctl("route", "disable-blue", "--yes")
        promoted(brisk)
        all_hear(clients, count, "after")
        opened = clients.log.opened()
    assert clients.log.closed() <= {"1012"}
    assert len(opened) == count
    for each in opened.values():
        versions = [version for version, _ in each]
        assert versions == [old] + [new] * (len(each) - 1)
        assert 2 <= len(each) <= 3, "once for each slot that was stopped"
    # What this process itself was late is no stampede. Four times the even share, and a few.
    room = 4 * count * (BUCKET + clients.late) / SPREAD + 3
    most = most_at_a_time([each[1][1] for each in opened.values()])
    print(f"{library}: {count} came back, {most} within 100 ms at the most")
    assert most <= room
