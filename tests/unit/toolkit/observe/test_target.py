"""`bgctl exec`: in which container, as whom, and what is refused; the engine is a script."""

import json

import pytest

from tests.unit.toolkit.support.release_worlds import ReleaseWorld

# Says what it was asked to run, and what came on standard input.
ENGINE = """#!/bin/sh
case "$1" in
info) echo '[]' ;;
compose) exit 1 ;;
ps) echo some ;;
inspect) cat "{root}/containers.json" ;;
exec) shift; echo "$@"; cat; exit 42 ;;
esac
"""


def there(release: ReleaseWorld, *services: str, dead: str = "") -> None:
    found = [
        {
            "Id": f"id-of-{service}",
            "State": {"Status": "exited" if service == dead else "running", "Running": service != dead},
            "Config": {"Image": "x", "Labels": {"com.docker.compose.service": service}},
        }
        for service in services
    ]
    (release.root / "containers.json").write_text(json.dumps(found))
    release.engine_says(ENGINE.format(root=release.root))


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ([], "frontend-green"),
        (["green"], "frontend-green"),
        (["blue"], "frontend-blue"),
        (["frontend"], "frontend-green"),
        (["frontend-blue"], "frontend-blue"),
        (["db"], "db"),
        (["proxy"], "proxy"),
    ],
)
def test_whose_container_it_is(release: ReleaseWorld, name: list[str], container: str) -> None:
    there(release, "frontend-blue", "frontend-green", "proxy", "db")
    done = release.bgctl("exec", *name, "--", "psql", "-c", "a b", stdin="typed", env=release.env)
    assert done.stdout == f"--interactive id-of-{container} psql -c a b\ntyped"
    assert done.returncode == 42


def test_as_a_user(release: ReleaseWorld) -> None:
    there(release, "frontend-green")
    done = release.bgctl("exec", "--user", "postgres", "--", "id", env=release.env)
    assert done.stdout == "--interactive --user postgres id-of-frontend-green id\n"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["frontned", "--", "sh"], 3, "next: bgctl exec frontend -- CMD"),
        (["nobody", "--", "sh"], 3, "no slot or service is called nobody"),
        (["proxy", "--", "sh"], 3, "next: bgctl up"),
        (["session-api", "--", "sh"], 3, "its container is exited"),
        (["green", "--index", "2", "--", "sh"], 3, "frontend-green has no number 2"),
        (["session-api", "--index", "2", "--", "sh"], 3, "session-api has no number 2"),
        (["green"], 2, "bgctl exec [SLOT|SERVICE] -- CMD..."),
        (["green", "--"], 2, "bgctl exec [SLOT|SERVICE] -- CMD..."),
        (["green", "sh"], 2, "bgctl exec"),
    ],
)
def test_what_is_refused(release: ReleaseWorld, argv: list[str], code: int, said: str) -> None:
    there(release, "frontend-blue", "frontend-green", "session-api", dead="session-api")
    done = release.bgctl("exec", *argv, env=release.env)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_slot_without_a_version_is_no_mystery(release: ReleaseWorld) -> None:
    there(release, "frontend-blue")
    release.put("rest", {"version": "1.6.7", "state": "ready", "weight": 100}, NO_GREEN)
    done = release.bgctl("exec", "green", "--", "sh", env=release.env)
    assert "no release is under way" in done.stderr
    assert "next: bgctl exec blue -- CMD" in done.stderr


NO_GREEN = {"version": None, "state": "maint", "weight": 0}
