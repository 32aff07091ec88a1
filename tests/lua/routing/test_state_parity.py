"""state.json has one writer, bgctl, and three readers: bgctl itself, the proxy, and the session API.

What bgctl takes the others take, and they read the same out of it. A bad document is refused by each of them,
but for the differences that are listed here, with the reason for each.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from session_api.errors import SetupError
from session_api.state.state import State as ApiState
from tests.lua.support.luajit import plain
from toolkit.state import document as bgctl
from toolkit.values import stamp

AT = "2026-01-15T10:30:00Z"
RELEASE = {"id": "d", "from": "1.6.7", "to": "1.6.8", "startedAt": AT, "step": "drain"}
GOOD = {
    "schema": 2,
    "generation": 7,
    "updatedAt": AT,
    "phase": "draining",
    "deployment": RELEASE,
    "slots": {
        "blue": {"version": "1.6.7", "state": "drain", "weight": 0},
        "green": {"version": "1.6.8", "state": "ready", "weight": 100},
    },
    "gate": {"mode": "pause", "since": AT, "until": "2026-01-15T10:31:00Z"},
    "lineage": [{"from": "1.6.6", "to": "1.6.7", "generation": 3, "at": "2026-01-10T10:30:00Z"}],
}
NUMBERS = [0, -1, 1, 8, 100, 101, 1.0, 1.5, 2**53, 2**53 + 1]
WORDS = [
    "",
    "x",
    "1.6.9",
    "é",
    "1.6.7\n",
    "v" * 65,
    "ready",
    "maint",
    "drain",
    "pause",
    "maintenance",
    "rest",
]
TIMES = [AT, "2026-13-15T10:30:00Z", "2026-01-15T10:30:00+00:00", "2026-02-30T10:30:00Z"]
GONE = object()
VALUES = [GONE, None, True, [], {}, *NUMBERS, *WORDS, *TIMES]

NOT_READ = "it does not read this"
# Why a reader takes a document with a change at this place that bgctl refuses (or refuses one that it takes).
DIFFERENCES = {
    ("schema", "proxy"): "a number in Lua is whole however it is written: 1.0 is 1",
    ("generation", "api"): "from before there were generations, it counts from 0",
    ("updatedAt", "proxy"): NOT_READ,
    ("updatedAt", "api"): "it may be absent; but bgctl takes any text, and the session API only a time",
    ("phase", "proxy"): "a phase that it does not know routes by its slots alone",
    ("phase", "api"): "a phase that it does not know counts as none",
    ("deployment", "proxy"): "it reads what is unchanged (tests/lua/routing/test_unchanged.py), and no more",
    ("deployment", "api"): "it shows what there is, and judges no release",
    ("slots.blue.weight", "proxy"): "a weight counts only where a slot is ready; 1.0 is 1",
    ("slots.blue.weight", "api"): "a weight counts only where a slot is ready",
    ("slots.green.weight", "proxy"): "1.0 is 1",
    ("slots.green.weight", "api"): "new sessions are the proxy's to share out; it needs a slot that is ready",
    ("gate", "api"): NOT_READ,
    ("gate", "proxy"): "it does not read since when, nor an end of a maintenance; and 30 February is a time",
    ("lineage", "proxy"): "null is no lineage; 1.0 is 1; 30 February is a time",
    ("lineage", "api"): "it does not compare generations, and takes a time with an offset",
}


def changed(path: tuple[str | int, ...], value: object) -> dict[str, object]:
    document = copy.deepcopy(GOOD)
    inner: object = document
    for key in path[:-1]:
        inner = inner[key]  # type: ignore[index]
    if value is GONE:
        del inner[path[-1]]  # type: ignore[attr-defined]
    else:
        inner[path[-1]] = value  # type: ignore[index]
    return document


def paths(value: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [above] if above else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        found += paths(item, (*above, key))
    return found


class Readers:
    """The three, each over the same bytes."""

    def __init__(self, lua, folder: Path) -> None:
        self._parse = lua.module("routing.routing_table")[b"parse"]
        self._file = folder / "state.json"

    def bgctl(self, text: bytes):
        try:
            return bgctl.decode(text)
        except ValueError:
            return None

    def proxy(self, text: bytes):
        said = self._parse(text)
        return None if isinstance(said, tuple) else plain(said)

    def api(self, text: bytes):
        self._file.write_bytes(text)
        try:
            return ApiState(self._file).document()
        except SetupError:
            return None

    def takers(self, document: object) -> set[str]:
        text = json.dumps(document).encode()
        return {name for name in ("bgctl", "proxy", "api") if getattr(self, name)(text) is not None}


@pytest.fixture(scope="module")
def readers(lua, tmp_path_factory) -> Readers:
    return Readers(lua, tmp_path_factory.mktemp("state"))


def place_of(path: tuple[str | int, ...], reader: str) -> tuple[str, str]:
    """The key of DIFFERENCES: the slots' weights by themselves, all else by its first word."""
    return (".".join(map(str, path)) if path[0] == "slots" else str(path[0])), reader


def test_of_a_bad_document_they_think_alike_but_for_what_is_listed(readers):
    found = set()
    for path in paths(GOOD):
        for value in VALUES:
            takers = readers.takers(changed(path, value))
            for reader in ("proxy", "api"):
                if (reader in takers) != ("bgctl" in takers):
                    key = place_of(path, reader)
                    assert key in DIFFERENCES, (path, value, takers)
                    found.add(key)
    assert found == set(DIFFERENCES), "a difference that there is no more"


def test_what_bgctl_takes_the_others_take(readers):
    for path in paths(GOOD):
        for value in VALUES:
            takers = readers.takers(changed(path, value))
            if "bgctl" in takers and path != ("updatedAt",):
                assert takers == {"bgctl", "proxy", "api"}, (path, value)


versions = st.sampled_from(["1.6.7", "1.6.8", "2.0.0-rc.1+b", "a"])
seconds = st.integers(0, 4_000_000_000).map(lambda at: stamp(datetime.fromtimestamp(at, UTC)))


@st.composite
def slots(draw):
    state = draw(st.sampled_from(["ready", "drain", "maint"]))
    weight = draw(st.integers(0, 100)) if state == "ready" else 0
    version = draw(versions | st.none()) if state == "maint" else draw(versions)
    return {"version": version, "state": state, "weight": weight}


@st.composite
def documents(draw):
    """Any document that bgctl takes."""
    phase = draw(st.sampled_from(["rest", "candidate", "preview", "canary", "draining", "promoting"]))
    generation = draw(st.integers(1, 2**53))
    document = {
        "schema": draw(st.sampled_from([1, 2])),
        "generation": generation,
        "updatedAt": draw(seconds),
        "phase": phase,
        "deployment": None if phase == "rest" else RELEASE,
        "slots": {"blue": draw(slots()), "green": draw(slots())},
    }
    assume(any(slot["weight"] for slot in document["slots"].values()))
    if draw(st.booleans()):
        document["gate"] = draw(
            st.fixed_dictionaries({"mode": st.just("pause"), "since": seconds, "until": seconds})
            | st.fixed_dictionaries({"mode": st.just("maintenance"), "since": seconds})
        )
    if draw(st.booleans()):
        ends = sorted(draw(st.lists(st.integers(1, generation), max_size=4)))
        pairs = [draw(st.tuples(versions, versions).filter(lambda pair: pair[0] != pair[1])) for _ in ends]
        document["lineage"] = [
            {"from": old, "to": new, "generation": at, "at": draw(seconds)}
            for (old, new), at in zip(pairs, ends, strict=True)
        ]
    return document


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@given(documents())
def test_of_a_good_document_they_read_the_same(readers, document):
    text = json.dumps(document).encode()
    own, proxy, api = readers.bgctl(text), readers.proxy(text), readers.api(text)
    assert own is not None and proxy is not None and api is not None
    assert own.generation == proxy["generation"] == api.generation
    assert own.phase == proxy["phase"] == api.phase
    assert unix(own.updated_at) == int(api.updated_at.timestamp())
    for name in ("blue", "green"):
        slot = own.slots[name]
        facts = (slot.version, slot.state, slot.weight)
        there, here = proxy["slots"][name], getattr(api.slots, name)
        assert facts == (there.get("version"), there["state"], there["weight"])
        assert facts == (here.version, here.state, here.weight)
    entries = [(entry.old, entry.new, entry.generation, unix(entry.at)) for entry in own.lineage]
    assert entries == [
        (entry["from"], entry["to"], entry["generation"], entry["at"]) for entry in proxy["lineage"].values()
    ]
    assert entries == [
        (entry.old, entry.new, entry.generation, int(entry.at.timestamp())) for entry in api.lineage
    ]
    gate = own.gate and (own.gate.mode, own.gate.until and unix(own.gate.until))
    there = proxy.get("gate")
    assert gate == (there and (there["mode"], there.get("ends")))


@pytest.mark.parametrize("unchanged", [["api"], ["api", "worker"]])
def test_what_a_release_leaves_unchanged_is_read_alike(readers: Readers, unchanged: list[str]) -> None:
    text = json.dumps(changed(("deployment", "unchanged"), unchanged)).encode()
    assert list(readers.bgctl(text).deployment.unchanged) == unchanged
    assert list(readers.api(text).deployment.unchanged) == unchanged
    assert readers.proxy(text)["unchanged"] == dict.fromkeys(unchanged, True)


@pytest.mark.parametrize("unchanged", [None, "", "api", 1, {}, [], [1], ["api", None]])
def test_and_refused_alike(readers: Readers, unchanged: object) -> None:
    assert not readers.takers(changed(("deployment", "unchanged"), unchanged))
