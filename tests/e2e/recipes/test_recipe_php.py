"""PHP behind Apache: sessions are files on a volume that both versions have."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import AFTER, BEFORE, LAST, Recipe, browsed, cooking
from tests.e2e.support.surfers import Surfer
from tests.e2e.support.walkers import User

pytestmark = pytest.mark.timeout(600)

PAGE = "public/index.php"


class Voter(User):
    """Somebody who is logged in and votes."""

    own_words = re.compile(r"<h1>Poll v(\d+)</h1>")
    headers = {"X-Forwarded-Proto": "https"}  # noqa: RUF012 - what ends TLS in front says so
    _token = re.compile(r'name="token" value="(\w+)"')

    def log_in(self) -> None:
        self.ask("GET", "/", "log in")
        self.ask("POST", "/", data={"name": self.name})
        self.use()

    def log_out(self) -> None:
        self.ask("POST", "/", data={"out": "1"})

    def use(self) -> None:
        page = self.ask("GET", "/", f"Hello {self.name}! You came by https.")
        token = self._token.search(page)
        if token and random.random() < 0.2:
            self.ask("POST", "/", data={"token": token[1], "choice": random.choice(["tea", "coffee"])})


class Guest(Surfer):
    """The same in a browser. Every page of this app begins a session, that after a log-out as well."""

    own_words = Voter.own_words
    begins_anew = True

    def log_in(self) -> None:
        self.open("/", "log in")
        self.send("button", f"Hello {self.name}! You came by https.", name=self.name)

    def use(self) -> None:
        self.open("/", f"Hello {self.name}! You came by https.")
        if self.pages % 3 == 0:
            self.send(f"button[value={random.choice(['tea', 'coffee'])}]", f"Hello {self.name}!")

    def log_out(self) -> None:
        self.send("button[name=out]", "log in")


def develop(recipe: Recipe) -> None:
    """The second version. As it was, PHP leaves its cookie where it is at a log-out."""
    recipe.edit(PAGE, "const VERSION = '1'", "const VERSION = '2'")
    ends = "        session_destroy();\n"
    clears = "        setcookie(session_name(), '', ['expires' => 1, 'path' => '/']);\n"
    recipe.edit(PAGE, ends, ends + clears)


def test_php(tmp_path):
    with cooking(tmp_path, "php", 18520) as recipe, browsed(recipe, Guest, "poll.example"):
        recipe.begin("/health.php")
        further = partial(recipe.edit, PAGE, "const VERSION = '2'", "const VERSION = '3'")
        recipe.go_through(Voter, partial(develop, recipe), further=further, keeps={BEFORE})
        recipe.drain_by_log_outs(Voter, LAST, AFTER)
