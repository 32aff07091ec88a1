"""What runs by plain compose is adopted: nobody loses a request, and a kill leaves what ran running."""

from __future__ import annotations

import re

import pytest

from tests.e2e.support.adopting import Adoption, Load, Plain, always, redirected, since
from tests.e2e.support.lasting import Events, Socket
from tests.e2e.support.stacks import eventually, running


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with running(tmp_path_factory.mktemp("plain") / "project", Plain) as one:
        yield one


@pytest.fixture
def plain(project):
    """The app as plain compose runs it, with nothing of bgctl beside it."""
    if (project.directory / "state").exists():
        project.plain_again()
    return project


def mine(plain: Plain) -> list[str]:
    return [line for line in redirected() if f"bgctl-adopt {plain.name}" in line]


def test_it_is_adopted_with_no_request_lost_and_nothing_cut(plain):
    with Load(f"{plain.url}/api/whoami") as load:
        socket, events = Socket(plain), Events(plain)
        adoption = Adoption(plain)
        adoption.reaches("redirect")
        assert mine(plain)
        eventually(lambda: any("connections open" in line for line in adoption.said), "it says what is left")
        later = Socket(plain)
        assert socket.lives()
        assert events.lives()
        socket.close()
        events.close()
        adoption.ends()
        assert later.lives()
        later.close()
    assert load.failures == [], f"{len(load.failures)} of {load.requests}"
    assert mine(plain) == []
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
    told = re.search(r"will be away for about ([\d.]+) s", said)
    took = re.search(r"was away for ([\d.]+) s", said)
    assert told, said
    assert took, said
    assert plain.answers()
    assert plain.containers("frontend") == []


@pytest.mark.parametrize("step", ["start-blue", "redirect", "stop"])
def test_killed_it_leaves_people_served_and_goes_on(plain, step):
    adoption = Adoption(plain, "--deadline", "1s")
    adoption.reaches(step)
    adoption.kill()
    assert always(plain.answers)
    refused = plain.bgctl("up", code=3)
    assert "an adoption is under way" in refused.stderr
    plain.bgctl("adopt", "--deadline", "1s")
    assert always(plain.answers)
    assert mine(plain) == []
    assert plain.containers("frontend") == []


def test_killed_it_can_be_taken_back(plain):
    before = since(plain, "frontend")
    adoption = Adoption(plain)
    adoption.reaches("redirect")
    adoption.kill()
    with Load(f"{plain.url}/api/whoami") as load:
        plain.bgctl("adopt", "--back")
    assert load.failures == [], f"{len(load.failures)} of {load.requests}"
    assert since(plain, "frontend") == before
    assert mine(plain) == []
    assert plain.containers("proxy") == plain.containers("frontend-blue") == []
    assert not (plain.directory / "state" / "state.json").exists()


def test_a_failure_takes_it_back(plain):
    """Another program at blue's port is found out before; one that comes to the proxy's own is not."""
    before = since(plain, "frontend")
    path = plain.directory / "bgctl.toml"
    good = path.read_text()
    path.write_text(good.replace('health = "/healthz"', 'health = "/nowhere"').replace('"30s"', '"2s"', 1))
    try:
        failed = plain.bgctl("adopt", code=1)
    finally:
        path.write_text(good)
    assert "what ran before serves as before" in failed.stdout
    assert since(plain, "frontend") == before
    assert always(plain.answers)
    assert plain.containers("frontend-blue") == plain.containers("proxy") == []
    assert not (plain.directory / "state" / "state.json").exists()
