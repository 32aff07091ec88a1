"""A worker that has not read the newest state yet moves nobody whose version another worker has given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lua.routing.test_pins import session
from tests.lua.support.asking import FETCH, LOAD, NEW, OLD, ask, claims, switch
from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, STATES, Proxy

ENDED = [{"from": NEW, "to": OLD, "generation": 4, "at": "2026-01-15T10:30:00Z"}]


@pytest.fixture
def behind(tmp_path: Path) -> Proxy:
    """Green has been taken out of service and come again; this worker has not read of the latter."""
    proxy = Proxy(tmp_path)
    switch(proxy, "rest", generation=4, lineage=ENDED)
    write(proxy, "canary", 5)
    return proxy


def write(proxy: Proxy, name: str, generation: int) -> None:
    phase, blue, green = STATES[name]
    slots = {"blue": blue, "green": green}
    document = {"schema": 2, "generation": generation, "phase": phase, "slots": slots, "lineage": ENDED}
    proxy.state_file.write_text(json.dumps(document))


def generation(proxy: Proxy) -> object:
    return plain(proxy.router[b"routing"]()[b"generation"])


@pytest.mark.threat(61)
def test_61_a_token_of_a_newer_state_stays_on_its_version(behind: Proxy) -> None:
    given = ask(behind, FETCH, cookies=session(deploymentVersion=NEW, deploymentGeneration=5))
    assert (given.version, given.rule) == (NEW, "token")


def test_a_bearer_token_too(behind: Proxy) -> None:
    text = session(deploymentVersion=NEW, deploymentGeneration=5).partition("=")[2]
    assert ask(behind, {"authorization": f"Bearer {text}"}).version == NEW


def test_a_visitors_pin_too(behind: Proxy, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Proxy(tmp_path / "other")
    switch(other, "given up", generation=5)
    pin = ask(other, LOAD).pin
    assert ask(behind, FETCH, cookies=pin).version == NEW


def test_a_token_of_a_state_that_has_been_read_reads_nothing(behind: Proxy) -> None:
    assert ask(behind, FETCH, cookies=session(deploymentVersion=NEW, deploymentGeneration=3)).version == OLD
    assert generation(behind) == 4


def test_a_generation_that_is_not_there_is_looked_for_once(behind: Proxy) -> None:
    """As after a state from a copy: a token of every session would read the file with each request."""
    ahead = session(deploymentVersion=OLD, deploymentGeneration=9)
    assert ask(behind, FETCH, cookies=ahead).version == OLD
    assert generation(behind) == 5
    write(behind, "draining", 6)
    assert ask(behind, FETCH, cookies=ahead).version == OLD
    assert generation(behind) == 5


@pytest.fixture
def candidate(tmp_path: Path) -> Proxy:
    """A node whose agent has stopped: by its state green is the candidate, and will be for long."""
    proxy = Proxy(tmp_path)
    switch(proxy, "candidate", generation=4)
    return proxy


@pytest.mark.parametrize("given", [5, 9])
def test_a_session_that_another_node_has_given_to_green_is_served_by_the_candidate(
    candidate: Proxy, given: int
) -> None:
    told = ask(candidate, FETCH, cookies=session(deploymentVersion=NEW, deploymentGeneration=given))
    assert (told.version, told.rule) == (NEW, "token")
    text = session(deploymentVersion=NEW, deploymentGeneration=given).partition("=")[2]
    for _ in range(2):
        assert ask(candidate, {"authorization": f"Bearer {text}"}).version == NEW


def test_a_visitor_of_green_too_and_newcomers_are_blues(candidate: Proxy, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Proxy(tmp_path / "other")
    switch(other, "draining", generation=5)
    pin = ask(other, LOAD).pin
    assert ask(candidate, LOAD, cookies=pin).version == NEW
    assert ask(candidate, LOAD).version == OLD


@pytest.fixture
def came_again(tmp_path: Path) -> Proxy:
    """The same, and the candidate's version has been in service before, and was taken back."""
    proxy = Proxy(tmp_path)
    switch(proxy, "candidate", generation=5, lineage=ENDED)
    return proxy


@pytest.mark.parametrize(("given", "version"), [(6, NEW), (5, OLD), (3, OLD)])
def test_a_candidate_that_comes_again_serves_the_sessions_of_the_newer_state_alone(
    came_again: Proxy, given: int, version: str
) -> None:
    token = session(deploymentVersion=NEW, deploymentGeneration=given)
    assert ask(came_again, FETCH, cookies=token).version == version


def test_a_generation_that_comes_a_second_time_does_not_bring_back_those_who_were_taken_off(
    candidate: Proxy,
) -> None:
    """A copy of an older state was put back, in which generations are lower than those that sessions have."""
    taken_back = [{"from": NEW, "to": OLD, "generation": 4, "at": "2027-01-15T08:00:00Z"}]
    switch(candidate, "candidate", generation=4, lineage=taken_back)
    before = session(deploymentVersion=NEW, deploymentGeneration=30, iat=NOW - 1)
    assert ask(candidate, FETCH, cookies=before).version == OLD


def test_blue_too_serves_the_sessions_of_a_newer_state(candidate: Proxy) -> None:
    """It was given up here; elsewhere it has been taken back into service."""
    switch(candidate, "given up", generation=5)
    assert ask(candidate, FETCH, cookies=session(deploymentGeneration=6)).version == OLD
    assert ask(candidate, FETCH, cookies=session(deploymentGeneration=5)).version == NEW


def test_a_tokens_pin_of_a_newer_state_says_more_than_the_token(came_again: Proxy, tmp_path: Path) -> None:
    """A token that the app has signed says no generation: here it would be one of before the candidate."""
    (tmp_path / "other").mkdir()
    other = Proxy(tmp_path / "other")
    switch(other, "draining", generation=6, lineage=ENDED)
    token = session(deploymentVersion=NEW)
    pin = ask(other, LOAD, cookies=token).pin
    given = ask(came_again, LOAD, cookies=f"{token}; {pin}")
    assert (given.version, given.rule, given.generation) == (NEW, "pin", 6)
    assert ask(came_again, LOAD, cookies=token).version == OLD, "nothing says that it is newer"


def test_a_pin_of_somebody_else_says_nothing_of_a_token(came_again: Proxy, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Proxy(tmp_path / "other")
    switch(other, "draining", generation=6, lineage=ENDED)
    visitor = ask(other, LOAD).pin
    assert ask(came_again, LOAD, cookies=f"{session()}; {visitor}").version == OLD


def test_what_a_node_behind_gives_on_says_the_newer_state(candidate: Proxy, tmp_path: Path) -> None:
    """Otherwise the next request would be of a state in which green served nobody: a log-in would flip."""
    (tmp_path / "other").mkdir()
    other = Proxy(tmp_path / "other")
    switch(other, "draining", generation=6)
    visitor = ask(other, LOAD).pin
    assert ask(candidate, LOAD, cookies=visitor).generation == 6, "which its log-in gets, too"
    token = session(deploymentVersion=NEW, deploymentGeneration=6)
    logged_in = ask(candidate, LOAD, cookies=f"{visitor}; {token}")
    assert logged_in.version == NEW and claims(logged_in.pin)["deploymentGeneration"] == 6
    assert ask(candidate, LOAD, cookies=logged_in.pin).version == NEW


def test_all_others_get_the_generation_of_the_state_here(candidate: Proxy) -> None:
    assert ask(candidate, LOAD).generation == 4
    nobodys = session(deploymentVersion="9.9", deploymentGeneration=9)
    assert ask(candidate, LOAD, cookies=nobodys).generation == 4


def test_who_was_on_the_candidates_version_before_it_was_taken_back_is_blues(candidate: Proxy) -> None:
    before = session(deploymentVersion=NEW, deploymentGeneration=3)
    assert ask(candidate, FETCH, cookies=before).version == OLD
    same = session(deploymentVersion=NEW, deploymentGeneration=4)
    assert ask(candidate, FETCH, cookies=same).version == OLD, "it served nobody then"


def test_a_version_that_is_nobodys_stays_nobodys_however_new_it_is(candidate: Proxy) -> None:
    ahead = session(deploymentVersion="9.9", deploymentGeneration=9)
    assert ask(candidate, FETCH, cookies=ahead).version == OLD
