"""Express with express-session in Redis, and WebSockets that have the session of the page."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import AFTER, BEFORE, LAST, Recipe, browsed, cooking
from tests.e2e.support.surfers import Surfer
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


class Reader(Surfer):
    """The same in a browser, without a WebSocket: the page has none."""

    own_words = Signer.own_words

    def log_in(self) -> None:
        self.open("/", "log in")
        self.send("button", f"Hello {self.name}!", name=self.name)

    def use(self) -> None:
        self.open("/", f"Hello {self.name}!")
        if self.pages % 3 == 0:
            self.send("form[action='/entries'] button", f"Hello {self.name}!", text=f"entry{self.pages}")

    def log_out(self) -> None:
        self.send("form[action='/logout'] button", "log in")


def develop(recipe: Recipe) -> None:
    """The second version. As it was, express-session leaves its cookie where it is at a log-out."""
    recipe.edit("package.json", '"version": "1.0.0"', '"version": "2.0.0"')
    ends = "  request.session.destroy("
    recipe.edit("server.js", ends, f"  response.clearCookie('guestbook.sid');\n{ends}")


def test_express(tmp_path):
    with cooking(tmp_path, "express", 18420) as recipe, browsed(recipe, Reader, "guestbook.example"):
        recipe.begin("/healthz")
        further = partial(recipe.edit, "package.json", '"version": "2.0.0"', '"version": "3.0.0"')
        recipe.go_through(Signer, partial(develop, recipe), further=further, keeps={BEFORE})
        recipe.drain_by_log_outs(Signer, LAST, AFTER)
