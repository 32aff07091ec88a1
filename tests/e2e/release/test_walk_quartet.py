"""A page, an API, what the API calls by its plain name, and a worker: releases that change some of them.

Every answer says which service has given it, and of which version that is. What a release does not name runs
on: the same container, and what is open to it stays open.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.e2e.support.killing import kill_at
from tests.e2e.support.patrons import Caller
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd
from tests.e2e.support.walks import IDLE, USERS, Walk, walking

pytestmark = pytest.mark.timeout(900)

PARTS = {
    "1": ("web v1", "api v1, stock v1"),
    "2": ("web v1", "api v2, stock v1"),
    "3": ("web v3", "api v2, stock v1"),
}


class Quartet(Caller):
    parts = PARTS


class Stream(threading.Thread):
    """An event stream that is open, of somebody whom nobody counts. `said`: all that has come so far."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.answer = requests.get(url, headers={"Accept": "text/event-stream"}, stream=True, timeout=30)
        self.said: list[str] = []
        self.ended = False
        self.start()

    def run(self) -> None:
        try:
            for line in self.answer.iter_lines(1):
                self.said += [line.decode()] if line else []
        except (requests.RequestException, AttributeError):
            pass
        self.ended = True

    def close(self) -> None:
        self.answer.close()

    def goes_on(self) -> bool:
        before = len(self.said)
        eventually(lambda: self.ended or len(self.said) > before, "more comes, or it has ended")
        return not self.ended


def ids(walk: Walk, *services: str) -> dict[str, list[str]]:
    return {service: walk.containers(f"{service}-blue") for service in services}


def images(walk: Walk) -> set[str]:
    listed = walk.engine_says("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    return {name.removeprefix(f"{walk.name}-") for name in listed if name.startswith(walk.name)}


@contextmanager
def untouched(walk: Walk, *services: str) -> Iterator[None]:
    """These keep their containers, and green gets none of them."""
    before = ids(walk, *services)
    assert all(before.values()), before
    yield
    assert ids(walk, *services) == before
    assert not any(walk.containers(f"{service}-green") for service in services)


def everyone_gets(walk: Walk, version: str) -> bool:
    visitor = walk.visitor()
    said = [visitor.get(walk.url + path, timeout=10) for path in ("/", "/api/who")]
    named = {answer.headers["X-Deployment-Version"] for answer in said}
    return named == {version} and tuple(answer.text for answer in said) == PARTS[version]


def a_failing_service_takes_all_back(walk: Walk) -> None:
    walk.edit("app.py", 'VERSION = "3"', 'VERSION = "3" if NAME != "api" else sys.exit("no")')
    with untouched(walk, "web", "api", "stock", "worker"):
        said = walk.bgctl("deploy", "3", "--services", "web,api", "--auto", code=None)
        assert "api-green" in said.stderr
        assert walk.state()["phase"] == "rest"
        assert walk.state()["slots"]["blue"]["version"] == "2"
        assert not walk.containers("web-green")
        assert everyone_gets(walk, "2")
    walk.edit("app.py", 'VERSION = "3" if NAME != "api" else sys.exit("no")', 'VERSION = "3"')


def it_is_taken_back_in_the_middle(walk: Walk) -> None:
    refused = walk.bgctl("up-green", "3", "--services", "web", code=3)
    assert f"{walk.name}-api:3 is another image than api-blue runs" in refused.stderr
    walk.engine_says("rmi", f"{walk.name}-api:3")
    with untouched(walk, "web", "api", "stock", "worker"):
        walk.bgctl("deploy", "3", "--services", "web", "--dry-run")
        walk.bgctl("up-green", "3", "--services", "web")
        refused = walk.bgctl("up-green", "3", "--services", "web,api", code=3)
        assert "it leaves api, stock, worker unchanged" in refused.stderr
        walk.bgctl("route", "enable-green")
        assert everyone_gets(walk, "3")
        assert walk.ask("status")["deployment"]["unchanged"] == ["api", "stock", "worker"]
        walk.bgctl("rollback")
        assert everyone_gets(walk, "2")
    assert not {"api:3", "stock:3", "worker:3"} & images(walk)


def it_goes_on_after_a_kill(walk: Walk) -> None:
    command = ("deploy", "3", "--services", "web", "--auto", "--idle-timeout", IDLE)
    kill_at(walk, *command, step="retire-blue")
    with untouched(walk, "api", "stock", "worker"):
        assert everyone_gets(walk, "3")
        walk.bgctl(*command)
    assert everyone_gets(walk, "3")


@pytest.mark.parametrize("form", ["short", pytest.param("long", marks=pytest.mark.faults)])
def test_a_release_changes_what_it_names(tmp_path, form):
    """The short form leaves out the two releases that are taken back."""
    with walking(tmp_path, "quartet", 18320) as walk:
        walk.compose("up", "-d", "--build")
        eventually(lambda: walk.answers("/"), "the page answers")
        walk.init("1", "--service", "web", "--also", "api=/api/", "--also", "stock=/stock/")
        walk.bgctl("adopt")
        refused = walk.bgctl("up-green", "2", "--services", "stock", code=3)
        assert "api depends on stock" in refused.stderr

        page = Stream(f"{walk.url}/stream")
        with Crowd(walk.url, "1", Quartet, USERS) as crowd:
            walk.edit("app.py", 'VERSION = "1"', 'VERSION = "2"')
            with untouched(walk, "web", "stock", "worker"):
                walk.release(crowd, "1", "2", scope="api")
            assert page.goes_on(), "the page's own stream was cut by a release of the API"
            assert set(page.said) == {"data: web v1"}
            page.close()
            tally = crowd.tally()
        print(f"walk: quartet failed={tally.failed} flipped={tally.flipped} requests={tally.requests}")
        assert (tally.failed, tally.flipped) == (0, 0), tally
        assert everyone_gets(walk, "2")
        assert walk.ask("status")["differences"] == [], "nobody has changed a setting"

        behind = Stream(f"{walk.url}/api/stream")
        walk.edit("app.py", 'VERSION = "2"', 'VERSION = "3"')
        if form == "long":
            a_failing_service_takes_all_back(walk)
            it_is_taken_back_in_the_middle(walk)
        it_goes_on_after_a_kill(walk)
        assert behind.goes_on(), "the API's stream was cut by releases of the page"
        assert set(behind.said) == {"data: api v2"}
        assert walk.ask("status")["differences"] == []
        behind.close()

        walk.bgctl("restart")
        assert everyone_gets(walk, "3"), "what was unchanged starts again as what it is"
