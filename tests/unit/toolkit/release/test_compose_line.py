"""`bgctl compose`: what is refused, what waits for the lock, and what the compose command is given."""

import sys

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.release_worlds import ReleaseWorld
from toolkit.engine import compose_words
from toolkit.errors import Refused
from toolkit.files import lock
from toolkit.release import compose_line
from toolkit.release.compose_line import refusal

OURS = ["proxy", "session-api", "web-blue", "web-green"]


def judged(line: str) -> Refused | None:
    return refusal(compose_words.read(line.split()), OURS)


@pytest.mark.parametrize(
    "line",
    [
        *("ps", "config", "top", "logs -f web-blue", "exec web-green sh", "images", "down --help"),
        *("build web-blue", "pull", "up -d db", "restart db", "rm -sf mailhog", "run --no-deps web-blue sh"),
    ],
)
def test_what_does_no_harm(line: str) -> None:
    assert judged(line) is None


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("down", "bgctl down"),
        ("down -v", "bgctl down"),
        ("up -d", "bgctl up"),
        ("up -d web-green", "bgctl deploy"),
        ("stop web-blue", "bgctl down"),
        ("rm -f web-blue", "bgctl down"),
        ("restart proxy", "bgctl up"),
        ("restart", "bgctl up"),
        ("up -d --remove-orphans db", "bgctl down"),
        ("run web-blue sh", "--no-deps"),
        ("scale web-blue=2", "replicas"),
        ("nonsense", "--force"),
    ],
)
def test_what_would_break_a_release_names_what_to_do_instead(line: str, instead: str) -> None:
    refused = judged(line)
    assert refused is not None
    assert instead in refused.next
    assert "--force" in refused.next


COMPOSE = """#!{python}
import os, sys
words = sys.argv[1:]
if words[-1] == "config":
    print("services: {{web: {{image: 'shop:1'}}}}")
elif "version" in words:
    print("docker-compose version 1.29.2")
else:
    typed = words[words.index("--project-directory") + 2:]
    print(typed, os.environ["CURRENT_VERSION"], os.environ["VERSION"])
    sys.exit(7 if "kill" in words else 0)
"""


@pytest.fixture
def compose(release: ReleaseWorld) -> ReleaseWorld:
    """An engine and a compose command that say what they were given."""
    path = release.root / "bin" / "docker-compose"
    path.write_text(COMPOSE.format(python=sys.executable))
    path.chmod(0o755)
    release.engine_says(
        '#!/bin/sh\n[ "$1" = info ] && echo "[]" && exit\n[ "$1" = compose ] && exit 1\nexit 0\n'
    )
    return release


def test_it_is_told_the_versions_and_its_exit_code_is_ours(compose: ReleaseWorld) -> None:
    done = compose.bgctl("compose", "--", "ps", "-q", env=compose.env)
    assert (done.returncode, done.stdout) == (0, "['ps', '-q'] 1.6.7 1.6.8\n")
    done = compose.bgctl("compose", "--", "kill", "mailhog", env=compose.env)
    assert done.returncode == 7
    assert compose.history[-1]["what"] == "compose kill mailhog"
    assert compose.history[-1]["outcome"] == "failed"


def test_what_reads_leaves_no_line_and_needs_no_lock(compose: ReleaseWorld) -> None:
    before = compose.history
    with lock.held(compose.root / "state", "deploy", compose.now):
        assert compose.bgctl("compose", "--", "ps", env=compose.env).returncode == 0
        assert compose.history == before
        for line in (["stop", "mailhog"], ["build"], ["run", "--no-deps", "mailhog", "sh"]):
            done = compose.bgctl("compose", "--", *line, env=compose.env)
            assert (done.returncode, "another bgctl" in done.stderr) == (4, True)


def test_what_breaks_a_release_is_refused_until_it_is_forced(compose: ReleaseWorld) -> None:
    done = compose.bgctl("compose", "--", "down", env=compose.env)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "next: bgctl down" in done.stderr
    assert compose.bgctl("compose", "--force", "--", "down", env=compose.env).returncode == 0


def test_another_projects_files_are_refused_with_force_too(compose: ReleaseWorld) -> None:
    done = compose.bgctl("compose", "--force", "--", "-f", "other.yaml", "ps", env=compose.env)
    assert done.returncode == 3
    assert "-f is not for you to say" in done.stderr


def test_without_a_command_line_it_says_how(compose: ReleaseWorld) -> None:
    done = compose.bgctl("compose", env=compose.env)
    assert done.returncode == 2
    assert "bgctl compose -- ARGS..." in done.stderr


def test_before_the_first_up_it_takes_the_version_of_the_env_file(compose: ReleaseWorld) -> None:
    (compose.root / "state" / "state.json").unlink()
    (compose.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
    done = compose.bgctl("compose", "--", "ps", env=compose.env)
    assert done.stdout == "['ps'] 1.6.7 1.6.7\n"


def test_ours_are_all_that_bgctl_starts(compose: ReleaseWorld) -> None:
    project, _ = project_of(compose)
    assert {"proxy", "frontend-blue", "frontend-green"} <= set(compose_line.ours(project))
