"""Flask with Flask-Login: a log-in of the time before bgctl outlives the first release."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import cooking
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


def test_flask(tmp_path):
    with cooking(tmp_path, "flask", 18400) as recipe:
        recipe.begin("/healthz", **HTTPS)
        recipe.go_through(Errander, partial(recipe.edit, "app.py", 'VERSION = "1"', 'VERSION = "2"'))
