"""`bgctl logs`: whose lines, in which order, and from one container to the next; the engine is a script."""

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.unit.toolkit.support.logging_engine import Logging
from tests.unit.toolkit.support.release_worlds import ReleaseWorld
from tests.unit.toolkit.support.worlds import BGCTL
from toolkit.engine.commands import Commands
from toolkit.observe.logs import Line

pytestmark = [pytest.mark.whole, pytest.mark.timeout(60)]  # a line that is waited for may not come


@pytest.fixture
def logging(release: ReleaseWorld) -> Logging:
    one = Logging(release)
    for second in range(0, 6, 2):
        one.say("frontend-blue", second, f"blue {second}")
        one.say("frontend-green", second + 1, f"  green {second + 1}")
    return one


def test_the_lines_of_all_in_order_of_time(logging: Logging) -> None:
    logging.say("proxy", 3, "[error] nobody there")
    said = logging.run().splitlines()
    assert said[:2] == ["frontend-blue  | blue 0", "frontend-green |   green 1"], (
        "an app's own indentation stays"
    )
    assert [line.split()[-1] for line in said] == ["0", "1", "2", "there", "3", "4", "5"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("blue", ["blue 0", "blue 2", "blue 4"]),
        ("frontend-blue", ["blue 0", "blue 2", "blue 4"]),
        ("green", ["  green 1", "  green 3", "  green 5"]),
    ],
)
def test_those_of_a_slot_or_a_service(logging: Logging, name: str, said: list[str]) -> None:
    assert logging.run(name).splitlines() == said
    assert logging.run(name, "-n", "1").splitlines() == said[-1:]


def test_a_service_with_two_slots_has_both(logging: Logging) -> None:
    assert len(logging.run("frontend").splitlines()) == 6


def test_as_json_a_line_is_a_document(logging: Logging) -> None:
    first = json.loads(logging.run("blue", "--json").splitlines()[0])
    assert first == {"service": "frontend-blue", "at": "2026-01-15T10:30:00.000000000Z", "line": "blue 0"}


@pytest.mark.parametrize(
    ("name", "near"), [("gren", "green"), ("fronted-blue", "frontend-blue"), ("xyzzy", "")]
)
def test_a_name_that_is_none_is_refused_with_those_that_are(logging: Logging, name: str, near: str) -> None:
    said = logging.run(name, code=3)
    assert f"no slot or service is called {name}" in said
    assert "there are blue, green, frontend, proxy, session-api, frontend-blue, frontend-green" in said
    assert f"next: bgctl logs {near}".rstrip() in said


def test_a_log_that_the_engine_does_not_read_is_told_in_its_words_after_the_others(logging: Logging) -> None:
    (logging.logs / "proxy-1").unlink()
    said = logging.run(code=1)
    assert "frontend-blue  | blue 0" in said
    assert "the log of proxy cannot be read: no reading here" in said


def test_a_service_without_a_container_is_told(logging: Logging) -> None:
    done = logging.release.bgctl("logs", "session-api", env=logging.release.env)
    assert (done.returncode, done.stdout) == (0, "")
    assert "session-api has logged nothing, or has no container" in done.stderr


class Followed:
    """`bgctl logs -f`, line by line."""

    def __init__(self, logging: Logging, *argv: str) -> None:
        command = [str(BGCTL), "--project", str(logging.release.root), "logs", "-f", *argv]
        self.process = subprocess.Popen(
            command, env=logging.release.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=20)
        return self.process.returncode, rest


@pytest.fixture
def followed(logging: Logging) -> Iterator[Followed]:
    one = Followed(logging, "blue")
    yield one
    one.process.kill()
    one.process.communicate()


def test_following_goes_on_from_one_container_to_the_next(logging: Logging, followed: Followed) -> None:
    assert [followed.line() for _ in range(3)] == ["blue 0", "blue 2", "blue 4"]
    logging.say("frontend-blue", 6, "bye")
    assert followed.line() == "bye"
    logging.start("frontend-blue", "frontend-blue-2")
    logging.say("frontend-blue", 8, "hello, I am new")
    logging.end("frontend-blue-1")
    assert followed.line() == "hello, I am new"
    logging.end("frontend-blue-2")
    logging.say("frontend-blue", 9, "and again")
    assert followed.line() == "and again", "what was told before a restart is not told again"
    assert followed.end() == (0, ""), "Ctrl-C is how it ends: nothing is wrong"


def test_following_ends_with_whoever_reads(logging: Logging) -> None:
    one = Followed(logging, "blue")
    assert one.line() == "blue 0"
    assert one.process.stdout
    one.process.stdout.close()
    logging.say("frontend-blue", 6, "to nobody")
    assert one.process.wait(timeout=20) == 0


def test_a_line_without_a_time_is_the_engines_own() -> None:
    assert Line.parse("x", "2026-01-15T10:30:00.1Z  a b") == Line("x", "2026-01-15T10:30:00.1Z", " a b")
    assert Line.parse("x", "2026-01-15T10:30:00.1Z") == Line("x", "2026-01-15T10:30:00.1Z", "")
    assert Line.parse("x", "Error: no such container") == Line("x", "", "Error: no such container")


def test_what_the_engine_is_asked() -> None:
    commands = Commands("docker", ("docker", "compose"), "shop", ("compose.yaml",), ".env")
    assert commands.logs("abc", 5, "--timestamps") == ["docker", "logs", "--tail", "5", "--timestamps", "abc"]
    assert commands.logs("abc", None) == ["docker", "logs", "abc"]


def test_the_names_are_known_to_the_shell(logging: Logging) -> None:
    env = {**logging.release.env, "_BGCTL_COMPLETE": "bash_complete", "COMP_CWORD": "4"}
    words = f"bgctl --project {logging.release.root} logs f"
    done = subprocess.run([BGCTL], env={**env, "COMP_WORDS": words}, capture_output=True, text=True)
    assert done.stdout.split() == ["plain,frontend-blue", "plain,frontend-green"]
