"""What runs by plain compose is adopted: nobody loses a request, and a kill leaves what ran running.

`make adoptions` does this with ordinary projects and 50 clients, many times, and kills it at every step.
"""

from __future__ import annotations

import re

import pytest

from tests.e2e.support.adopting import Adoption, Load, Plain, redirected, since
from tests.e2e.support.lasting import Events, Socket
from tests.e2e.support.stacks import eventually, running


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with running(tmp_path_factory.mktemp("plain") / "project", Plain) as one:
        yield one


@pytest.fixture
def plain(project):
    """The app as plain compose runs it, with nothing of bgctl beside it."""
    if (project.directory / "state" / "state.json").exists():
        project.plain_again()
    return project


def test_it_is_adopted_with_no_request_lost_and_nothing_cut_also_where_it_is_killed(plain):
    with Load(f"{plain.url}/api/whoami") as load:
        socket, events = Socket(plain), Events(plain)
        for step in ("start-blue", "redirect"):
            adoption = Adoption(plain)
            adoption.reaches(step)
            adoption.kill()
            assert "an adoption is under way" in plain.bgctl("up", code=3).stderr
        assert redirected(plain.name)
        later = Socket(plain)
        adoption = Adoption(plain)
        eventually(lambda: any("connections open" in line for line in adoption.said), "it says what is left")
        assert socket.lives()
        assert events.lives()
        socket.close()
        events.close()
        adoption.ends()
        assert later.lives()
        later.close()
    assert load.failures == [], f"{len(load.failures)} of {load.requests}"
    assert redirected(plain.name) == []
    assert plain.containers("frontend") == []
    assert plain.ask("status")["slots"]["blue"]["version"] == "1.6.7"
    assert "adopted already" in plain.bgctl("adopt").stdout


def test_without_a_redirect_the_gap_is_told_and_asked_for(plain):
    before = since(plain, "frontend")
    refused = plain.bgctl("adopt", "--no-redirect", code=3)
    assert "without a gap" in refused.stderr
    assert "next: " in refused.stderr
    assert since(plain, "frontend") == before
    assert not (plain.directory / "state" / "state.json").exists()
    said = plain.bgctl("adopt", "--no-redirect", "--yes").stdout
    assert re.search(r"will be away for about [\d.]+ s: frontend stops in [\d.]+ s", said), said
    assert re.search(r"was away for [\d.]+ s at the most", said), said
    assert plain.answers()
    assert plain.containers("frontend") == []


def test_it_is_taken_back_by_hand_and_by_itself(plain):
    before = since(plain, "frontend")
    with Load(f"{plain.url}/api/whoami") as load:
        adoption = Adoption(plain)
        adoption.reaches("redirect")
        adoption.kill()
        plain.bgctl("adopt", "--back")
        with plain.ill():
            failed = plain.bgctl("adopt", code=1)
    assert "what ran before serves as before" in failed.stdout
    assert load.failures == [], f"{len(load.failures)} of {load.requests}"
    assert since(plain, "frontend") == before
    assert redirected(plain.name) == []
    assert [plain.containers(name) for name in ("proxy", "frontend-blue", "session-api")] == [[], [], []]
    assert not (plain.directory / "state" / "state.json").exists()
