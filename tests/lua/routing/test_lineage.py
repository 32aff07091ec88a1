"""A session is where it was left, however many releases ago; proxy and session API say the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api.state.lineage import Handover, follow
from tests.lua.support.luajit import plain
from tests.unit.session_api.support.data import NOW

VERSIONS = ["1.6.7", "1.6.8", "1.6.9", "1.7.0"]
names = st.sampled_from(VERSIONS)


def stamp(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@st.composite
def lineages(draw):
    """Entries in their order: several may be of one second, and of one generation."""
    generation, at, entries = 1, NOW - 1000, []
    for _ in range(draw(st.integers(0, 12))):
        generation += draw(st.integers(0, 3))
        at += draw(st.sampled_from([0, 1, 50]))
        old, new = draw(st.permutations(VERSIONS))[:2]
        entries.append({"from": old, "to": new, "generation": generation, "at": stamp(at)})
    return entries


def routes(lua, lineage, blue, green=None):
    """A routing table in which blue is served, and green if it has a version."""
    slot = {"version": green, "state": "drain" if green else "maint", "weight": 0}
    document = {
        "schema": 2,
        "generation": 1000,
        "phase": "draining",
        "slots": {"blue": {"version": blue, "state": "ready", "weight": 100}, "green": slot},
        "lineage": lineage,
    }
    table = lua.module("routing.routing_table")[b"parse"](json.dumps(document).encode())
    assert not isinstance(table, tuple), table
    return table


def now(lua, table, who):
    lua.module("routing.lineage")[b"update"](table, who)
    return plain(who[b"now"])


def one_pass(lineage, version, generation, issued_at):
    """The rule as the design has it."""
    for entry in lineage:
        at = datetime.fromisoformat(entry["at"]).timestamp()
        if entry["from"] == version and (
            entry["generation"] > generation if generation is not None else at >= issued_at
        ):
            version = entry["to"]
    return version


@pytest.mark.threat(64)
@given(
    lineages(),
    names,
    names,
    st.none() | names,
    st.none() | st.integers(0, 40),
    st.integers(NOW - 1100, NOW - 300) | st.just(0),
)
def test_64_proxy_and_session_api_follow_a_session_alike(
    lua, lineage, version, blue, green, generation, issued_at
):
    table = routes(lua, lineage, blue, green)
    who = lua.table({"version": version, "issued": issued_at})
    if generation is not None:
        who[b"generation"] = generation
    entries = [
        Handover(each["from"], each["to"], each["generation"], datetime.fromisoformat(each["at"]))
        for each in lineage
    ]
    found = now(lua, table, who)
    assert found == follow(entries, {blue, green}, version, generation, issued_at)
    by_the_rule = one_pass(lineage, version, generation, issued_at)
    if by_the_rule in (blue, green):
        assert found == by_the_rule


TWICE = [
    {"from": "1.6.7", "to": "1.6.8", "generation": 5, "at": stamp(NOW - 500)},
    {"from": "1.6.8", "to": "1.6.9", "generation": 9, "at": stamp(NOW - 100)},
]
TAKEN_BACK = [{"from": "1.6.8", "to": "1.6.7", "generation": 4, "at": stamp(NOW - 100)}]


@pytest.mark.threat(64)
def test_64_a_session_of_two_releases_ago_is_the_newest_ones(lua):
    table = routes(lua, TWICE, "1.6.9", "1.7.0")
    assert now(lua, table, lua.table({"version": "1.6.7", "generation": 2})) == "1.6.9"
    chain = lua.module("routing.lineage")[b"chain"](table, lua.table({"version": "1.6.7", "generation": 2}))
    assert list(plain(chain).values()) == ["1.6.7", "1.6.8", "1.6.9"]


@pytest.mark.threat(65)
@pytest.mark.parametrize(("generation", "version"), [(3, "1.6.7"), (4, "1.6.8"), (7, "1.6.8")])
def test_65_a_version_that_comes_again_has_only_sessions_since(lua, generation, version):
    table = routes(lua, TAKEN_BACK, "1.6.7", "1.6.8")
    assert now(lua, table, lua.table({"version": "1.6.8", "generation": generation})) == version


@pytest.mark.threat(65)
@pytest.mark.parametrize(("issued", "version"), [(-101, "1.6.7"), (-100, "1.6.7"), (-99, "1.6.8")])
def test_65_a_token_of_somebody_else_goes_by_its_time(lua, issued, version):
    table = routes(lua, TAKEN_BACK, "1.6.7", "1.6.8")
    assert now(lua, table, lua.table({"version": "1.6.8", "issued": NOW + issued})) == version


@pytest.mark.threat(64)
def test_64_a_version_copied_from_an_older_token_is_followed_all_the_same(lua):
    """An issuer keeps the claim when it renews a token: it says no version that was served at that time."""
    table = routes(lua, TWICE, "1.6.9", "1.7.0")
    assert now(lua, table, lua.table({"version": "1.6.7", "issued": NOW})) == "1.6.9"


@pytest.mark.threat(65)
def test_65_a_preview_shows_its_own_candidate_alone(lua):
    preview = lua.table({"version": "1.6.8", "generation": 2})
    slot = lua.module("routing.lineage")[b"slot_of_same"]
    assert plain(slot(routes(lua, [], "1.6.7", "1.6.8"), preview)[b"name"]) == "green"
    assert slot(routes(lua, TAKEN_BACK, "1.6.7", "1.6.8"), preview) is None
    promoted = [*TAKEN_BACK, {"from": "1.6.7", "to": "1.6.8", "generation": 9, "at": stamp(NOW)}]
    assert slot(routes(lua, promoted, "1.6.8"), preview) is None, "nor once everybody has that name"


@pytest.mark.threat(66)
def test_66_who_has_moved_on_goes_by_what_the_pin_meant(lua):
    """It had moved to 1.6.8, which was taken back, and comes again: the session is on 1.6.7."""
    moved = lua.module("routing.rules")[b"has_moved"]
    token = lua.table({"version": "1.6.7", "generation": 1})
    pin = lua.table({"version": "1.6.8", "generation": 3, "from": "1.6.7"})
    assert moved(routes(lua, [], "1.6.7", "1.6.8"), token, pin)
    assert not moved(routes(lua, TAKEN_BACK, "1.6.7", "1.6.8"), token, pin)


@pytest.mark.threat(66)
def test_66_a_session_moves_on_from_where_its_token_has_come_to(lua):
    """Its token is of 1.6.7, which was promoted to 1.6.8; it has moved on from 1.6.8 to 1.6.9."""
    promoted = TWICE[:1]
    sticky = lua.module("routing.rules")[b"sticky"]
    token = lua.table({"version": "1.6.7", "generation": 1})
    pin = lua.table({"version": "1.6.9", "generation": 7, "from": "1.6.8"})
    slot, rule, named_by = sticky(routes(lua, promoted, "1.6.8", "1.6.9"), token, pin)
    assert (plain(slot[b"version"]), plain(rule)) == ("1.6.9", "moved")
    assert plain(named_by[b"version"]) == "1.6.9", "it goes by the pin"


@pytest.mark.threat(41)
@pytest.mark.parametrize(
    "wrong",
    [
        "1.6.7",
        {"from": "1.6.7"},
        [1],
        [{**TWICE[0], "from": "-"}],
        [{**TWICE[0], "to": None}],
        [{**TWICE[0], "generation": 0}],
        [{**TWICE[0], "generation": 1001}],
        [{**TWICE[0], "generation": 1.5}],
        [{**TWICE[0], "at": "yesterday"}],
        TWICE[::-1],
    ],
)
def test_41_a_state_with_a_bad_lineage_is_refused_whole(lua, wrong):
    slot = {"version": "1.6.7", "state": "ready", "weight": 100}
    document = {"schema": 2, "generation": 1000, "phase": "rest", "slots": {"blue": slot}, "lineage": wrong}
    document["slots"]["green"] = {"version": None, "state": "maint", "weight": 0}
    assert b"lineage" in lua.module("routing.routing_table")[b"parse"](json.dumps(document).encode())[1]


@pytest.mark.threat(70)
def test_70_a_state_of_the_version_before_has_none(lua):
    slot = {"version": "1.6.7", "state": "ready", "weight": 100}
    slots = {"blue": slot, "green": {"version": None, "state": "maint", "weight": 0}}
    document = {"schema": 1, "generation": 3, "phase": "rest", "slots": slots}
    table = lua.module("routing.routing_table")[b"parse"](json.dumps(document).encode())
    assert plain(table[b"lineage"]) == {}
