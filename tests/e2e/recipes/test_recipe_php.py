"""PHP behind Apache: sessions are files on a volume that both versions have."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import cooking
from tests.e2e.support.walkers import User

pytestmark = pytest.mark.timeout(600)


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


def test_php(tmp_path):
    with cooking(tmp_path, "php", 18520) as recipe:
        recipe.begin("/health.php")
        recipe.go_through(
            Voter, partial(recipe.edit, "public/index.php", "const VERSION = '1'", "const VERSION = '2'")
        )
        recipe.drain_by_log_outs(Voter)
