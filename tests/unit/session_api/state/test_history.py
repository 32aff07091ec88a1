"""The end of history.jsonl, whatever lies in it."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from session_api.state import history
from session_api.state.history import TAILS
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.dashboard import cookie_of, data, log_in


def entry(number: int, **more: Any) -> bytes:
    line = {"at": "2027-01-15T07:50:00Z", "who": "deploy", "command": "deploy", "what": f"step {number}"}
    line |= {
        "from": "1.6.7",
        "to": None,
        "generation": 3,
        "seconds": 0.2,
        "outcome": "done",
        "why": "",
    } | more
    return json.dumps(line).encode() + b"\n"


def test_history_shows_the_newest_first_and_skips_torn_lines(api: Api, state_file: Path) -> None:
    path = state_file.with_name("history.jsonl")
    path.write_bytes(entry(1) + b'{"at": "20\n' + b"\xff\n[]\n" + entry(2, why="worker 7") + entry(3)[:40])
    shown = data(api, cookie_of(log_in(api))).json["history"]
    assert [each["what"] for each in shown] == ["step 2", "step 1"]
    assert (shown[0]["from"], shown[0]["to"], shown[0]["why"]) == ("1.6.7", None, "worker 7")


def test_of_a_long_history_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join(entry(number) for number in range(10000, 12000)))
    shown = history.recent(path, 2000)
    assert shown is not None and len(shown) == TAILS[-1] // len(entry(10000))
    assert shown[0].what == "step 11999"
    assert [each.what for each in history.recent(path, 2) or []] == ["step 11999", "step 11998"]


def test_lines_with_many_steps_are_long_and_are_all_shown(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    steps = [{"step": "start-green", "seconds": 2.5}] * 100
    path.write_bytes(b"".join(entry(number, steps=steps) for number in range(50)))
    assert [each.what for each in history.recent(path, 12) or []] == [f"step {49 - n}" for n in range(12)]


def test_a_history_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    assert history.recent(tmp_path / "none", 5) == []
    assert history.recent(tmp_path, 5) is None


@given(st.lists(st.binary(max_size=40) | st.just(entry(1)), max_size=8), st.integers(0, 8))
def test_any_history_can_be_read(tmp_path_factory: Any, lines: list[bytes], limit: int) -> None:
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    path.write_bytes(b"".join(lines))
    assert len(history.recent(path, limit) or []) <= limit
