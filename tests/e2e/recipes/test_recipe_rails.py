"""Rails: the session is in a cookie that is another one with each answer, and stays after a log-out."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import AFTER, BEFORE, LAST, browsed, cooking
from tests.e2e.support.surfers import Surfer
from tests.e2e.support.walkers import User

pytestmark = pytest.mark.timeout(600)

HOST = "cups.example"
HTTPS = {"Host": HOST, "X-Forwarded-Proto": "https"}  # as what ends TLS in front says it


class Drinker(User):
    """Somebody who counts cups of coffee, in the session itself."""

    own_words = re.compile(r"<h1>Cups v(\d+)</h1>")
    headers = HTTPS
    cups = 0
    _tokens = re.compile(r'action="([^"]+)".*?name="authenticity_token" value="([^"]+)"', re.S)

    def log_in(self) -> None:
        self._send("/session/new", "/session", name=self.name)
        self.use()

    def use(self) -> None:
        before = self.http.cookies.get("_cups_session")
        self.ask("GET", "/", f"Hello {self.name}! You came by https")
        if self.http.cookies.get("_cups_session") == before:
            self.fail("GET", "/", "the cookie is not another one with each answer")
        if random.random() < 0.2:
            self._send("/", "/cups")
            self.cups += 1
            self.ask("GET", "/", f">{self.cups} cup")

    def log_out(self) -> None:
        self._send("/", "/session", _method="delete")

    def _send(self, page: str, form: str, **fields: str) -> None:
        """Fills in a form. The token in its page has to be good for whichever version takes it."""
        token = dict(self._tokens.findall(self.ask("GET", page, "authenticity_token"))).get(form, "")
        data = {**fields, "authenticity_token": token}
        self.ask("POST", form, data=data, headers={"Origin": f"https://{HOST}"})


class Guest(Surfer):
    """The same in a browser."""

    own_words = Drinker.own_words
    begins_anew = True
    cups = 0

    def log_in(self) -> None:
        self.open("/", "log in")
        self.send("input[type=submit]", f"Hello {self.name}! You came by https", name=self.name)

    def use(self) -> None:
        self.open("/", f"Hello {self.name}! You came by https")
        if self.pages % 3 == 0:
            self.cups += 1
            self.send("text=one more", f">{self.cups} cup")

    def log_out(self) -> None:
        self.send("text=log out", "log in")


def test_rails(tmp_path):
    with cooking(tmp_path, "rails", 18540) as recipe, browsed(recipe, Guest, HOST):
        recipe.begin("/up", **HTTPS)
        develop, further = (
            partial(recipe.edit, "config/application.rb", f'VERSION = "{old}"', f'VERSION = "{new}"')
            for old, new in ((BEFORE, AFTER), (AFTER, LAST))
        )
        recipe.go_through(Drinker, develop, further=further, keeps={BEFORE, AFTER, LAST})
