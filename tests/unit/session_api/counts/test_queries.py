"""Which users are listed, page by page."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.session_api.support.api import Api, problem, rfc3339
from tests.unit.session_api.support.data import NOW, HandClock, write_state


def test_users_come_in_pages(api: Api, clock: HandClock) -> None:
    for number in range(5):
        clock.now += 1
        api.log_in(f"u{number}", "1.6.7", email=f"{number}@x.y")
    first = api.census(limit=2).json
    assert [user["userId"] for user in first["users"]] == ["u4", "u3"]
    second = api.ask(limit=2, page=first["nextPage"]).json
    assert [user["userId"] for user in second["users"]] == ["u2", "u1"]
    third = api.ask(limit=2, page=second["nextPage"]).json
    assert third["users"] == [{"userId": "u0", "email": "0@x.y", "lastActivity": rfc3339(NOW + 1)}]
    assert third["nextPage"] is None
    assert api.ask(limit=5).json["nextPage"] is None
    assert (api.ask(limit=0).json["users"], api.ask(limit=0).json["nextPage"]) == ([], None)
    assert api.ask(limit=2, page=first["nextPage"], version="9").json["users"] == second["users"]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", first["nextPage"])


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "-1"},
        {"limit": "1001"},
        {"limit": "x"},
        {"page": "x"},
        {"page": "\u00e9"},
        {"page": "W10"},
        {"idle": "-1"},
        {"idle": "1.5"},
        {"version": "-"},
    ],
    ids=repr,
)
def test_queries_that_make_no_sense(api: Api, query: dict[str, str]) -> None:
    problem(api.ask(**query), 400)


def test_whose_users_are_listed(api: Api, state_file: Path) -> None:
    write_state(state_file, ("1.6.5", "drain", 0), ("1.6.6", "ready", 100))
    api.log_in("u1", "1.6.5")
    api.log_in("u2", "1.6.6")
    api.log_in("u3", "1.6.6")
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))
    api.log_in("u4", "1.6.7")

    def listed(**query: Any) -> list[str]:
        return sorted(user["userId"] for user in api.ask(**query).json["users"])

    assert listed() == ["u4"]  # of the version that drains
    write_state(state_file, ("1.6.7", "maint", 0), ("1.6.8", "ready", 100))
    assert listed() == ["u2", "u3"]  # of the most used old one
    assert listed(version="1.6.5") == ["u1"]


def test_a_shorter_window(api: Api, clock: HandClock) -> None:
    api.log_in("u1", "1.6.7")
    clock.now += 100
    api.log_in("u2", "1.6.7")
    assert api.census(idle=101).json["versions"]["1.6.7"]["sessions"] == 2
    answer = api.ask(idle=100).json
    assert (answer["totalActiveUsers"], answer["oldVersionSessions"]) == (1, 1)
    assert [user["userId"] for user in answer["users"]] == ["u2"]
    assert answer["forecast"] == api.ask().json["forecast"]
