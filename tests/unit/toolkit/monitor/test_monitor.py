"""`bgctl monitor` for real: on a terminal, without one, and for programs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.terminals import Terminal
from tests.unit.toolkit.support.release_worlds import NEW, OLD, ReleaseWorld
from tests.unit.toolkit.support.worlds import BGCTL

pytestmark = pytest.mark.whole

ENTER, LEAVE, SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
FOOT = "every 1 h"  # in the last line of a screen

Monitor = Callable[..., Terminal]


@pytest.fixture
def monitor(release: ReleaseWorld) -> Iterator[Monitor]:
    opened: list[Terminal] = []

    def start(*argv: str, columns: int = 100, rows: int = 30, **env: str) -> Terminal:
        command = [str(BGCTL), "--project", str(release.root), "monitor", "--interval", "1h", *argv]
        opened.append(Terminal(command, {**release.env, **env}, columns, rows))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def restored(terminal: Terminal) -> bool:
    left = terminal.output.rindex(LEAVE)
    return (
        terminal.as_before and left > terminal.output.rindex(ENTER) and SHOW_CURSOR in terminal.output[left:]
    )


@pytest.mark.parametrize("key", ["q", "Q", "\x03"])
def test_it_draws_and_a_key_ends_it(monitor: Monitor, key: str) -> None:
    terminal = monitor()
    terminal.until(
        "draining", "drain", "ready 100 %", "user0@example.org", "68 %", "route enable-green", FOOT
    )
    assert not terminal.as_before
    terminal.press(key)
    assert terminal.ended() == 0
    assert restored(terminal)


@pytest.mark.threat(46)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_46_a_signal_leaves_the_terminal_as_it_was(monitor: Monitor, number: signal.Signals) -> None:
    terminal = monitor()
    terminal.until(FOOT)
    terminal.process.send_signal(number)
    assert terminal.ended() == 0
    assert restored(terminal)


@pytest.mark.threat(46)
def test_46_a_bug_leaves_the_terminal_as_it_was(release: ReleaseWorld) -> None:
    code = "from toolkit.monitor import live; from toolkit.cli import main; live.draw = None; main()"
    argv = [sys.executable, "-c", code, "--project", str(release.root), "monitor"]
    terminal = Terminal(argv, release.env)
    try:
        assert terminal.ended() == 1
        assert restored(terminal)
        assert "bug: TypeError" in terminal.output[terminal.output.rindex(LEAVE) :]
    finally:
        terminal.close()


def test_r_looks_again_at_once(monitor: Monitor, release: ReleaseWorld) -> None:
    terminal = monitor()
    terminal.until(FOOT)
    release.counts[OLD] = (7_777, 30, 12, 4)
    terminal.press("\x1b[A")  # an arrow is no command
    terminal.press("r")
    terminal.until("7,777")


def test_a_resize_is_followed(monitor: Monitor) -> None:
    terminal = monitor(columns=60, rows=20)
    assert "history" not in terminal.until(FOOT)
    terminal.resize(120, 40)
    terminal.until("history", FOOT)


def test_it_looks_every_so_often(monitor: Monitor, release: ReleaseWorld) -> None:
    terminal = monitor("--interval", "1s")
    terminal.until("every 1 s")
    release.served = {"blue": (41_100, 50), "green": (12_345, 25)}
    terminal.until("50.0 %")


@pytest.mark.threat(39)
def test_39_who_hangs_is_named_and_the_keys_still_work(monitor: Monitor, release: ReleaseWorld) -> None:
    release.engine_says("#!/bin/sh\nexec sleep 600\n")
    terminal = monitor()
    terminal.until("68 %", FOOT)
    terminal.until("engine: no answer for")
    terminal.press("q")
    assert terminal.ended() == 0
    assert restored(terminal)


def test_nobody_answers_and_it_goes_on(monitor: Monitor, release: ReleaseWorld) -> None:
    for web in (release.control, release.api, release.blue, release.green):
        web.stop()
    (release.root / "state" / "state.json").unlink()
    terminal = monitor()
    terminal.until(
        *("phase unknown", "state: ", "proxy: connection refused", "session API: connection refused"), FOOT
    )
    terminal.press("q")
    assert terminal.ended() == 0


def test_without_colour_on_request(monitor: Monitor) -> None:
    monitor().until("\x1b[94m", FOOT)
    plain = monitor(NO_COLOR="1").until("68 %", FOOT)
    assert "\x1b[94m" not in plain
    assert "\x1b[3" not in plain


def run(release: ReleaseWorld, *argv: str) -> str:
    done = release.bgctl("monitor", *argv, env=release.env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("argv", [[], ["--once"], ["--once", "--interval", "1h"]])
def test_without_a_terminal_it_is_one_plain_picture(release: ReleaseWorld, argv: list[str]) -> None:
    text = run(release, *argv)
    assert "\x1b" not in text
    assert "q quits" not in text
    assert max(map(len, text.splitlines())) <= 100
    for said in ("draining", "user0@example.org", "and 12 more", "68 %", "0.2 %"):
        assert said in text


def test_once_on_a_terminal_leaves_the_screen_alone(monitor: Monitor) -> None:
    terminal = monitor("--once", columns=80)
    assert terminal.ended() == 0
    assert "draining" in terminal.output
    assert "1049" not in terminal.output


@pytest.mark.parametrize("argv", [["--json"], ["--json", "--once", "--interval", "1h"]])
def test_json_is_one_document(release: ReleaseWorld, argv: list[str]) -> None:
    seen: dict[str, Any] = json.loads(run(release, *argv))
    assert (seen["phase"], seen["project"], seen["usersTotal"]) == ("draining", "shop", 30)
    assert (seen["slots"]["blue"]["sessions"], seen["slots"]["green"]["errorRate"]) == (34, 25 / 12_345)
    assert seen["users"][0]["email"] == "user0@example.org"
    assert seen["history"][0]["what"] == "route enable-green"
    assert (seen["deployment"]["from"], seen["deployment"]["to"]) == (OLD, NEW)


def stream(release: ReleaseWorld, stdout: int) -> subprocess.Popen[str]:
    argv = [str(BGCTL), "--project", str(release.root), "monitor", "--json", "--interval", "1s"]
    return subprocess.Popen(argv, stdout=stdout, stderr=subprocess.PIPE, env=release.env, text=True)


def test_json_with_an_interval_is_a_line_for_each_look(release: ReleaseWorld) -> None:
    with stream(release, subprocess.PIPE) as process:
        assert process.stdout
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert [line["slots"]["blue"]["sessions"] for line in lines] == [34, 34]
    assert lines[1]["at"] > lines[0]["at"]
    assert (process.returncode, errors) == (0, "")


def test_json_lines_end_when_nobody_reads_them(release: ReleaseWorld) -> None:
    read, write = os.pipe()
    with stream(release, write) as process:
        os.close(write)
        os.read(read, 10)
        os.close(read)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
