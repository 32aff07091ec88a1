"""The people of each project of tests/cases/projects."""

from __future__ import annotations

import random
import re
from http.cookiejar import DefaultCookiePolicy

from tests.e2e.support.walkers import Crowd, User


class Shopper(User):
    """A customer of flaskshop: the session is a cookie that Flask has signed, the cart is in Redis."""

    own_words = re.compile(r"<h1>Shop v(\S+)</h1>")

    def log_in(self) -> None:
        self.ask("GET", "/", "log in")
        self.ask("POST", "/login", data={"user": self.name})
        self.use()

    def use(self) -> None:
        self.ask("GET", "/", f"Hello {self.name}!")
        if random.random() < 0.2:
            item = f"item{random.randrange(1000)}"
            self.ask("POST", "/cart", data={"item": item})
            self.ask("GET", "/", item)


class Reader(User):
    """Somebody who is logged in to the blog: Django's session in the database, a token against forgery."""

    own_words = re.compile(r"<h1>Blog v(\S+)</h1>")
    headers = {"Host": "blog.example"}  # noqa: RUF012 - as above
    user, password = "ada", "a password of 1815"
    _token = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

    def log_in(self) -> None:
        self.ask("GET", "/", "log in")
        form = self.ask("GET", "/accounts/login/", "csrfmiddlewaretoken")
        token = self._token.search(form)
        self.ask(
            "POST",
            "/accounts/login/",
            data={
                "username": self.user,
                "password": self.password,
                "csrfmiddlewaretoken": token[1] if token else "",
            },
            headers={"Referer": "https://blog.example/accounts/login/", "Origin": "https://blog.example"},
        )
        self.use()

    def use(self) -> None:
        self.ask("GET", "/", f"Hello {self.user}")


class Pair(User):
    """A visitor of a page that asks a second service, which has to be of the same version."""

    own_words = re.compile(r"^web v(\S+),")
    _agree = re.compile(r"web v(\S+), api v\1")

    def log_in(self) -> None:
        self.use()

    def use(self) -> None:
        text = self.ask("GET", "/", "api v")
        if text and not self._agree.fullmatch(text):
            self.fail("GET", "/", f"two versions in one answer: {text}")


class Caller(User):
    """A visitor of a page and of its API. `parts`: what each of them has to say, by the session's version."""

    own_words = re.compile(r"(?!)")  # a part may be older than the version that it belongs to
    parts: dict[str, tuple[str, str]] = {}  # noqa: RUF012 - of the releases of the quartet

    def log_in(self) -> None:
        self.use()

    def use(self) -> None:
        for path, which in (("/", 0), ("/api/who", 1)):
            text = self.ask("GET", path, " v")
            version = self.session.version
            if text and version and text != self.parts[version][which]:
                self.fail("GET", path, f"{text}, and {version} is {self.parts[version]}")


class Member(User):
    """Somebody who joins, reads their name, and changes it: what was written last is what is read."""

    own_words = re.compile(r"^members v(\S+):")

    def log_in(self) -> None:
        self.ask("GET", "/", "nobody yet")
        self.number, self.called = 0, self.name
        self.ask("POST", "/join", f"welcome {self.called}", data={"name": self.called})

    def use(self) -> None:
        self.ask("GET", "/", f"hello {self.called}")
        self.number += 1
        called = f"{self.name} the {self.number}."
        if self.ask("POST", "/me", f"now {called}", data={"name": called}):
            self.called = called


class NoteTaker(User):
    """A script that uses notes: a bearer token of the app's own making, and no cookies.

    Notes are in the memory of the process that took them: a promotion is a new process.
    """

    own_words = re.compile(r'"version":"([^"]+)"')

    def __init__(self, crowd: Crowd, name: str, version: str) -> None:
        super().__init__(crowd, name, version)
        self.http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.http.headers["Accept"] = "application/json"

    def log_in(self) -> None:
        who = {"email": f"{self.name}@example.test", "password": "secret"}
        answer = self.ask("POST", "/api/auth/login", "token", json=who)
        token = re.search(r'"token":"([^"]+)"', answer)
        self.http.headers["Authorization"] = f"Bearer {token[1] if token else ''}"
        self.use()

    def use(self) -> None:
        self.ask("GET", "/api/auth/me", f'"userId":"{self.name}"')
        if random.random() < 0.2:
            text = f"note{random.randrange(1000)}"
            self.ask("POST", "/api/notes", '"ok":true', json={"text": text})
            self.ask("GET", "/api/notes", '"notes":[')
