"""Threat 68: proxy and session API find the same version for a token, and the one that the design says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.clients import HOST
from tests.model.machine import NOW, World
from toolkit.values import stamp

VERSIONS = ["1.0", "1.1", "1.2", "1.3", "1.4"]
GENERATION = 30  # of the state
versions = st.sampled_from(VERSIONS)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@dataclass
class Past:
    """What releases have left: the lineage, the oldest first, and what blue and green have in the end."""

    lineage: list[dict[str, Any]]
    slots: list[str]


def others(version: str) -> st.SearchStrategy[str]:
    return st.sampled_from([each for each in VERSIONS if each != version])


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Candidates that were promoted or taken back, several within one second; the oldest may be forgotten."""
    stable, generation, at = draw(versions), 1, NOW - 40
    lineage: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 12))):
        candidate = draw(others(stable))
        old, new = draw(st.permutations([stable, candidate]))
        generation += draw(st.integers(1, 2))
        at += draw(st.integers(0, 3))
        moment = stamp(datetime.fromtimestamp(at, UTC))
        lineage.append({"from": old, "to": new, "generation": generation, "at": moment})
        stable = new
    forgotten = draw(st.integers(0, max(0, len(lineage) - 3)))
    return Past(lineage[forgotten:], [stable, draw(others(stable))])


@st.composite
def identities(draw: st.DrawFn) -> dict[str, int]:
    """What a token says of when it was given: the generation, else the time, else nothing."""
    said = {"deploymentGeneration": draw(st.integers(1, GENERATION)), "iat": draw(st.integers(NOW - 45, NOW))}
    return {
        name: said[name] for name in draw(st.sampled_from([[*said], ["deploymentGeneration"], ["iat"], []]))
    }


def followed(lineage: list[dict[str, Any]], version: str, identity: dict[str, int]) -> str:
    """v = V; for entry in lineage (in order): if entry.from == v and entry.generation > G: v = entry.to."""
    for entry in lineage:
        later = True
        if "deploymentGeneration" in identity:
            later = entry["generation"] > identity["deploymentGeneration"]
        elif "iat" in identity:
            later = entry["at"] >= stamp(datetime.fromtimestamp(identity["iat"], UTC))
        if entry["from"] == version and later:
            version = entry["to"]
    return version


@pytest.mark.threat(68)
@settings(max_examples=600, deadline=None)
@given(pasts(), st.sampled_from(["drain", "maint"]), versions, identities())
def test_68_proxy_and_api_follow_a_token_alike(
    world: World,
    past: Past,
    green: str,
    version: str,
    identity: dict[str, int],
) -> None:
    lineage, slots = past.lineage, past.slots
    _write(world, lineage, slots, green)
    world.api.now = NOW
    text = world.api.sign(version, **identity)
    served = slots[: 1 if green == "maint" else 2]
    expected = followed(lineage, version, identity)
    if expected not in served:  # it is the copy of an older token's claim (record 23)
        expected = followed(lineage, version, {})

    answer = _route(world, text)
    refreshed = world.api.ask("POST", "/api/deployment/refresh", text, {})
    beat = world.api.ask("POST", "/api/deployment/heartbeat", text, {})
    if expected in served:
        assert (answer.version, answer.rule) == (expected, "token")
        assert refreshed.json["deploymentVersion"] == expected
        assert beat.json["yourVersion"] == expected
    else:
        assert answer.rule == "retired", "nothing is known of it: a new session"
        assert refreshed.json["deploymentVersion"] in served
    again = _route(world, refreshed.json["token"])
    assert (again.version, again.rule) == (refreshed.json["deploymentVersion"], "token")


def _write(world: World, lineage: list[dict[str, Any]], slots: list[str], green: str) -> None:
    blue = {"version": slots[0], "state": "ready", "weight": 100}
    document = {
        "schema": 2,
        "generation": GENERATION,
        "updatedAt": stamp(datetime.fromtimestamp(NOW, UTC)),
        "phase": "draining",
        "deployment": {"id": "x", "from": slots[0], "to": slots[1], "startedAt": "", "step": "drain"},
        "slots": {"blue": blue, "green": {"version": slots[1], "state": green, "weight": 0}},
        "lineage": lineage,
    }
    world.write_text(json.dumps(document).encode())
    world.proxy.start("never")


def _route(world: World, text: str):
    headers = {"host": HOST, "authorization": f"Bearer {text}"}
    return world.proxy.route(NOW, True, {"method": "GET", "path": "/", "host": HOST, "headers": headers})
