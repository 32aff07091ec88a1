"""Express with express-session in Redis, and WebSockets that have the session of the page."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import cooking
from tests.e2e.support.talks import Talk
from tests.e2e.support.walkers import Crowd, User

pytestmark = pytest.mark.timeout(600)


class Signer(User):
    """Somebody who signs the guestbook, and has a WebSocket open meanwhile."""

    own_words = re.compile(r"<h1>Guestbook v(\d+)\.0\.0</h1>")
    headers = {"X-Forwarded-Proto": "https"}  # noqa: RUF012 - what ends TLS in front says so

    def __init__(self, crowd: Crowd, name: str, version: str) -> None:
        super().__init__(crowd, name, version)
        self.talk = Talk(self, "/live")

    def log_in(self) -> None:
        self.ask("GET", "/", "log in")
        self.ask("POST", "/login", data={"name": self.name})
        self.use()

    def use(self) -> None:
        page = self.ask("GET", "/", f"Hello {self.name}!")
        if page and "You came by https" not in page:
            self.fail("GET", "/", f"the app does not know that TLS ends in front: {page}")
        self.talk.say(f"hello from {self.name}")
        if random.random() < 0.2:
            self.ask("POST", "/entries", data={"text": f"entry{random.randrange(1000)}"})

    def log_out(self) -> None:
        self.ask("POST", "/logout")

    def log_off(self) -> None:
        self.talk.close()


def test_express(tmp_path):
    with cooking(tmp_path, "express", 18420) as recipe:
        recipe.begin("/healthz")
        recipe.go_through(
            Signer, partial(recipe.edit, "package.json", '"version": "1.0.0"', '"version": "2.0.0"')
        )
        recipe.drain_by_log_outs(Signer)
