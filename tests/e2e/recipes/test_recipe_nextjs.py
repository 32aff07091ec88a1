"""Next.js with Auth.js: the session is in a cookie, and a page finds its own chunks and server actions."""

from __future__ import annotations

import re
from functools import partial

import pytest
import requests

from tests.e2e.support.browsers import chromium
from tests.e2e.support.recipes import cooking
from tests.e2e.support.tabs import Tab
from tests.e2e.support.walkers import User
from tests.e2e.support.walks import IDLE

pytestmark = pytest.mark.timeout(600)

PASSWORD = "correct horse"
KEPT = '[services.web.assets]\n"/_next/static/" = "slot:/app/.next/static"\n'


class Clerk(User):
    """Somebody who logs in as Auth.js has it without a page: its own two requests."""

    own_words = re.compile(r"Desk v(\d+)\.0\.0")
    _token = re.compile(r'"csrfToken":"(\w+)"')
    _chunks = re.compile(r'"(/_next/static/chunks/[^"?\\]+\.js)[^"]*"')

    def log_in(self) -> None:
        self.ask("GET", "/login", "password")
        found = self._token.search(self.ask("GET", "/api/auth/csrf", "csrfToken"))
        fields = {"name": self.name, "password": PASSWORD, "csrfToken": found[1] if found else ""}
        self.ask("POST", "/api/auth/callback/credentials", data=fields)
        self.use()

    def use(self) -> None:
        page = self.ask("GET", "/", f"Hello {self.name}!")
        chunks = self._chunks.findall(page)
        if page and not chunks:
            self.fail("GET", "/", "no chunk in the page")
        for chunk in chunks[:2]:
            self.ask("GET", chunk, headers={"Accept": "*/*", "Referer": f"{self.crowd.url}/"})


def log_in(tab: Tab, name: str) -> None:
    """By the form, which is a server action."""
    tab.open("/login")
    tab.page.fill("input[name=name]", name)
    tab.page.fill("input[name=password]", PASSWORD)
    tab.page.click("text=log in")
    tab.page.wait_for_selector(f"text=Hello {name}!")


def works(tab: Tab, version: str) -> None:
    """What the open page does: a server action, a page that is loaded into it, and back."""
    tab.page.wait_for_selector(f"h1:text('Desk v{version}.0.0')")
    number = int(tab.page.inner_text("output"))
    tab.page.click("text=double")
    tab.page.wait_for_selector(f"output:text-is('{number * 2}')")
    tab.page.click("text=notes")
    tab.page.wait_for_selector(f"#notes:text('by v{version}.0.0')")
    tab.page.click("text=back")
    tab.page.wait_for_selector("output")


def test_nextjs(tmp_path):
    with cooking(tmp_path, "nextjs", 18500) as recipe, chromium() as browser:
        recipe.begin("/health")
        with (
            Tab(browser, recipe.url) as early,
            Tab(browser, recipe.url) as old,
            Tab(browser, recipe.url) as forgotten,
        ):
            log_in(early, "early")
            works(early, "1")

            def begun() -> None:
                page = requests.get(f"{recipe.url}/login", headers={"Accept": "text/html"}, timeout=10)
                pins = [each for each in page.cookies if each.name.endswith("_pin")]
                assert pins, "a page that a shared cache may keep brings no pin"
                works(early.open(), "1")
                log_in(old, "old")
                log_in(forgotten, "forgotten")

            def while_both_run() -> None:
                works(early, "1")
                with Tab(browser, recipe.url) as new:
                    log_in(new, "new")
                    works(new, "2")
                    assert new.errors == []

            recipe.go_through(
                Clerk,
                partial(recipe.edit, "package.json", '"version": "1.0.0"', '"version": "2.0.0"'),
                while_both_run,
                begun,
            )
            works(early.open(), "2")
            assert early.errors == []
            recipe.edit("package.json", '"version": "2.0.0"', '"version": "3.0.0"')
            recipe.bgctl("deploy", "3", "--auto", "--idle-timeout", IDLE)
            # A page that has slept through two releases: a chunk that it asks for only now is there, and an
            # action that the new version still has is carried out.
            old.page.click("text=history")
            old.page.wait_for_selector("#history:text('counted since v1.0.0')")
            old.page.click("text=double")
            old.page.wait_for_selector("output:text-is('2')")
            assert old.errors == []
            works(old.open(), "3")
            # The same page without the files that bgctl keeps: its chunk is gone with its version.
            recipe.edit("bgctl.toml", KEPT, "")
            recipe.bgctl("reload")
            with forgotten.page.expect_response(re.compile("/_next/static/chunks/")) as answer:
                forgotten.page.click("text=history")
            assert answer.value.status == 404
