"""The day after: what a release was like, the logs of versions that are gone, and hands into what runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

NEXT = "1.6.9"
MANY, FEW = 30, 12


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack after a release that went well, and one that was taken back; somebody was logged in."""
    with running(tmp_path_factory.mktemp("story") / "project") as one:
        user = one.log_in("ada")
        assert one.version_of(user) == OLD
        one.settled()
        one.bgctl("up-green", NEW)
        one.bgctl("route", "enable-green")
        visitor = one.visitor()
        for _ in range(MANY):
            assert one.version_of(visitor) == NEW
        for _ in range(FEW):
            assert one.version_of(user) == OLD
        one.settled()
        one.bgctl("route", "disable-blue", "--yes")
        one.bgctl("promote")
        one.bgctl("up-green", NEXT)
        one.bgctl("rollback")
        yield one


def test_a_release_is_told_with_just_what_its_users_saw(told):
    first, second = (each for each in told.ask("history") if each["new"])
    assert [(each["old"], each["new"], each["outcome"]) for each in (first, second)] == [
        (OLD, NEW, "released"),
        (NEW, NEXT, "taken back"),
    ]
    seen = {each["version"]: each for each in first["seen"]["versions"]}
    assert (seen[NEW]["requests"], seen[OLD]["requests"]) == (MANY, FEW)
    assert [each["failed"] + each["failovers"] for each in seen.values()] == [0, 0]
    assert (seen[OLD]["peakSessions"], first["seen"]["movedAtOnce"]) == (1, 1)
    assert first["seen"]["restarts"] == 0
    (promote,) = (each for each in first["parts"] if each["what"] == "promote")
    assert {"stop-blue", "start-blue", "serve-blue"} <= {step["name"] for step in promote["steps"]}
    assert sum(step["seconds"] for step in promote["steps"]) <= promote["seconds"]


def test_people_get_the_same_in_words_and_as_a_page(told):
    said = told.bgctl("history", NEW).stdout
    assert f"{MANY + FEW} requests, 0 failed" in said
    assert "1 at once" in said
    page = told.bgctl("report", NEW, "--html", "-").stdout
    assert page == told.bgctl("report", NEW, "--html", "-").stdout
    assert all(version in page for version in (OLD, NEW))
    assert told.bgctl("report", NEXT).stdout.startswith(f"# {told.name}: {NEW} → {NEXT}")


@pytest.mark.parametrize(("version", "service"), [(OLD, "frontend-blue"), (NEXT, "frontend-green")])
def test_what_was_replaced_or_taken_back_can_still_be_read(told, version, service):
    lines = told.bgctl("logs", "--json", version).stdout.splitlines()
    assert lines
    assert all(f'"service":"{service}"' in line for line in lines)
    assert "Slipway" in told.bgctl("logs", version).stdout
    (path,) = (told.directory / "state" / "logs" / version).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_command_in_a_container_has_its_own_input_and_exit_code(told):
    done = told.bgctl("exec", "--", "sh", "-c", "cat; exit 7", code=7, stdin="typed")
    assert done.stdout == "typed"
    assert told.bgctl("exec", "--user", "65534", "blue", "--", "id", "-u").stdout == "65534\n"
    green = told.bgctl("exec", "green", "--", "true", code=3)
    assert "next: bgctl exec blue -- CMD" in green.stderr


def test_compose_sees_what_runs_and_breaks_nothing(told):
    before, lines = told.containers(), len(told.ask("history", "--changes", "-n", "1000"))
    (blue,) = told.containers("frontend-blue")
    assert told.bgctl("compose", "--", "ps", "-q", "frontend-blue").stdout.startswith(blue)
    done = told.bgctl("compose", "--", "exec", "-T", "frontend-blue", "cat", stdin="typed")
    assert done.stdout == "typed"
    assert "next: bgctl down" in told.bgctl("compose", "--", "down", code=3).stderr
    assert told.containers() == before
    assert len(told.ask("history", "--changes", "-n", "1000")) == lines
    eventually(lambda: told.version_of(told.visitor()) == NEW, "and everybody is served")
