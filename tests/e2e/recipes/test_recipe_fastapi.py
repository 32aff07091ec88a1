"""FastAPI with a worker: no job is lost, and each WebSocket is that of its user's version."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import AFTER, BEFORE, Recipe, cooking
from tests.e2e.support.stacks import eventually
from tests.e2e.support.talks import Talk
from tests.e2e.support.walkers import Crowd, User

pytestmark = pytest.mark.timeout(600)


class Client(User):
    """A page's script: it gives jobs to the worker, and asks later whether they are done."""

    own_words = re.compile(r'"version":"([^"]+)"')
    headers = {"X-Forwarded-Proto": "https", "Host": "thumbs.example"}  # noqa: RUF012 - as TLS ends in front

    def __init__(self, crowd: Crowd, name: str, version: str) -> None:
        super().__init__(crowd, name, version)
        self.talk = Talk(self, "/live")
        self.jobs: list[str] = []

    def log_in(self) -> None:
        self.ask("POST", "/login", f'"user":"{self.name}"', data={"name": self.name})
        self.use()

    def use(self) -> None:
        self.ask("GET", "/me", '"url":"https://thumbs.example/me"')
        self.talk.say(f"hello from {self.name}")
        if len(self.jobs) < 5:
            added = self.ask("POST", "/jobs", '"job":', data={"word": self.name})
            self.jobs += [json.loads(added)["job"]] if added else []

    def log_off(self) -> None:
        self.talk.close()

    def done(self) -> list[dict[str, str]]:
        """What became of its jobs, as far as they are done."""
        answers = [json.loads(self.ask("GET", f"/jobs/{job}", '"state":')) for job in self.jobs]
        found = [answer["result"] for answer in answers if answer["state"] == "finished"]
        assert all(each["letters"] == len(self.name) for each in found)
        return found

    def is_done(self) -> bool:
        return bool(self.jobs) and len(self.done()) == len(self.jobs)


def workers_are_two(recipe: Recipe) -> None:
    for slot, version in (("blue", BEFORE), ("green", AFTER)):
        found = recipe.inspect(f"worker-{slot}")
        assert found["State"]["Running"] and found["Config"]["Image"].endswith(f":{version}")


def test_fastapi(tmp_path):
    with cooking(tmp_path, "fastapi", 18440) as recipe:
        recipe.begin("/health")
        crowd = recipe.go_through(
            Client,
            partial(recipe.edit, "version.py", f'"{BEFORE}"', f'"{AFTER}"'),
            partial(workers_are_two, recipe),
        )
        assert recipe.containers("worker-green") == []
        clients = [user for user in crowd.users if isinstance(user, Client)]
        for client in clients:
            eventually(client.is_done, "all of its jobs are done")
        assert {each["worker"] for client in clients for each in client.done()} == {BEFORE, AFTER}, (
            "workers of both versions were at work"
        )
        assert crowd.tally().failed == 0, crowd.tally()
