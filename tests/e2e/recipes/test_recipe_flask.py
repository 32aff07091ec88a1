"""Flask with Flask-Login: a log-in of the time before bgctl outlives the first release."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import BEFORE, Recipe, browsed, cooking
from tests.e2e.support.surfers import Surfer
from tests.e2e.support.walkers import User

pytestmark = pytest.mark.timeout(600)

HOST = "errands.example"
HTTPS = {"Host": HOST, "X-Forwarded-Proto": "https"}  # as what ends TLS in front says it


class Errander(User):
    """Somebody with a list: the log-in is in Flask's signed cookie, the list in SQLite."""

    own_words = re.compile(r"<h1>Errands v(\S+)</h1>")
    headers = HTTPS
    _token = re.compile(r'name="csrf_token" value="([^"]+)"')

    def log_in(self) -> None:
        self._send("/login", "/login", name=self.name, password="correct horse")
        self.use()

    def use(self) -> None:
        page = self.ask("GET", "/", f"Hello {self.name}!")
        if page and f'href="https://{HOST}/"' not in page:
            self.fail("GET", "/", f"the app does not know its own address: {page}")
        if random.random() < 0.2:
            self._send("/", "/errands", text=f"errand{random.randrange(1000)}")

    def log_out(self) -> None:
        self._send("/", "/logout")

    def _send(self, page: str, form: str, **fields: str) -> None:
        """Fills in a form. The token in its page has to be good for whichever version takes it."""
        token = self._token.search(self.ask("GET", page, "csrf_token"))
        origin = {"Referer": f"https://{HOST}{page}"}
        self.ask("POST", form, data={**fields, "csrf_token": token[1] if token else ""}, headers=origin)


class Buyer(Surfer):
    """The same in a browser. The form that is shown after a log-out has a token, and so begins a session."""

    own_words = Errander.own_words
    begins_anew = True

    def log_in(self) -> None:
        self.open("/", 'name="password"')
        self.send("button", f"Hello {self.name}!", name=self.name, password="correct horse")

    def use(self) -> None:
        self.open("/", f"Hello {self.name}!")
        if self.pages % 3 == 0:
            self.send("form[action='/errands'] button", f"Hello {self.name}!", text=f"errand{self.pages}")

    def log_out(self) -> None:
        self.send("form[action='/logout'] button", 'name="password"')


def develop(recipe: Recipe) -> None:
    """The second version. As it was, Flask leaves a cookie with Flask-WTF's token at a log-out."""
    recipe.edit("app.py", 'VERSION = "1"', 'VERSION = "2"')
    recipe.edit("app.py", "request, url_for", "request, session, url_for")
    recipe.edit("app.py", "    logout_user()\n", "    logout_user()\n    session.clear()\n")


def test_flask(tmp_path):
    with cooking(tmp_path, "flask", 18400) as recipe:
        recipe.begin("/healthz", **HTTPS)
        recipe.go_through(Errander, partial(develop, recipe), keeps={BEFORE})


def test_flask_in_browsers(tmp_path):
    with cooking(tmp_path, "flask", 18400) as recipe, browsed(recipe, Buyer, HOST):
        recipe.begin("/healthz", **HTTPS)
        further = partial(recipe.edit, "app.py", 'VERSION = "2"', 'VERSION = "3"')
        recipe.go_through(Errander, partial(develop, recipe), further=further, keeps={BEFORE})
