"""Django's admin: sessions in the database, a migration while both versions write, hashed names of files."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest

from tests.e2e.support.recipes import AFTER, BEFORE, LAST, Recipe, browsed, cooking
from tests.e2e.support.surfers import Surfer
from tests.e2e.support.walkers import User

pytestmark = pytest.mark.timeout(600)

HOST = "club.example"
HTTPS = {"Host": HOST, "X-Forwarded-Proto": "https"}  # as what ends TLS in front says it
COLOURS = {BEFORE: "teal", AFTER: "tomato", LAST: "tomato"}
NAME, PASSWORD = "ada", "a password of 1815"


class Secretary(User):
    """Somebody who is logged in to the admin, and adds members."""

    own_words = re.compile(r">Club v(\d+)<")
    headers = HTTPS
    _token = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
    _css = re.compile(r'href="(/static/members/club\.\w+\.css)"')

    def log_in(self) -> None:
        self._send("/admin/login/?next=/admin/", username=NAME, password=PASSWORD)
        self.use()

    def use(self) -> None:
        page = self.ask("GET", "/admin/", f"<strong>{NAME}</strong>")
        css, (version,) = self._css.search(page), self.own_words.findall(page)
        assert css, page
        self.ask("GET", css[1], COLOURS[version])
        if random.random() < 0.1:
            self._send("/admin/members/member/add/", name=f"member{random.randrange(1000)}")

    def log_out(self) -> None:
        self._send("/admin/", to="/admin/logout/")

    def _send(self, path: str, to: str = "", **fields: str) -> None:
        token = self._token.search(self.ask("GET", path, "csrfmiddlewaretoken"))
        origin = {"Referer": f"https://{HOST}{path}", "Origin": f"https://{HOST}"}
        data = {**fields, "csrfmiddlewaretoken": token[1] if token else ""}
        self.ask("POST", to or path, data=data, headers=origin)


class Member(Surfer):
    """The same in a browser, with all files that the admin's pages have."""

    own_words = Secretary.own_words

    def log_in(self) -> None:
        self.open("/admin/", "csrfmiddlewaretoken")
        self.send("input[type=submit]", f"<strong>{NAME}</strong>", username=NAME, password=PASSWORD)

    def use(self) -> None:
        self.open("/admin/", f"<strong>{NAME}</strong>")
        if self.pages % 3 == 0:
            self.open("/admin/members/member/add/", f"<strong>{NAME}</strong>")
            self.send("input[name=_save]", "was added successfully", name=f"{self.name}{self.pages}")

    def log_out(self) -> None:
        self.send("#logout-form button", "Logged out")


def migrated(recipe: Recipe) -> None:
    """The new version's migration is there, and the old version has to live with it."""
    (web,) = recipe.containers("web-blue")
    shown = recipe.engine_says("exec", web, "python", "manage.py", "showmigrations", "--plan", "members")
    assert "0001_initial" in shown and "0002" not in shown, "blue has the code of before"
    (web,) = recipe.containers("web-green")
    shown = recipe.engine_says("exec", web, "python", "manage.py", "showmigrations", "--plan", "members")
    assert "[X]  members.0002_member_since" in shown


def test_django(tmp_path):
    with cooking(tmp_path, "django", 18460) as recipe, browsed(recipe, Member, HOST):
        recipe.begin("/healthz", **HTTPS)
        who = ("--username", NAME, "--email", "ada@club.example")
        secret = ("-e", f"DJANGO_SUPERUSER_PASSWORD={PASSWORD}")
        recipe.compose(
            "exec", "-T", *secret, "web", "python", "manage.py", "createsuperuser", "--noinput", *who
        )
        recipe.go_through(
            Secretary,
            partial(recipe.develop, AFTER),
            partial(migrated, recipe),
            further=partial(recipe.edit, "members/admin.py", "Club v2", "Club v3"),
        )
        recipe.drain_by_log_outs(Secretary, LAST, AFTER)
