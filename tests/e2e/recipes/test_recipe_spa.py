"""A single-page app of Vite behind nginx: each page finds the files of its own build."""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.e2e.support.browsers import chromium
from tests.e2e.support.recipes import cooking
from tests.e2e.support.tabs import Tab
from tests.e2e.support.walkers import User
from tests.e2e.support.walks import IDLE

pytestmark = pytest.mark.timeout(600)


class Visitor(User):
    """A browser that loads the page and what that names. Nobody logs in here."""

    own_words = re.compile(r"Board v(\d+)\.0\.0")
    _files = re.compile(r'(?:src|href)="(/assets/[^"]+)"')

    def log_in(self) -> None:
        self.use()

    def use(self) -> None:
        page = self.ask("GET", "/", '<div id="root">')
        for file in self._files.findall(page):
            self.ask("GET", file, headers={"Accept": "*/*", "Referer": f"{self.crowd.url}/"})


def shows(tab: Tab, version: str) -> None:
    """The page is of this version, and so is what it loads only when that is needed."""
    tab.page.wait_for_selector(f"h1:text('Board v{version}.0.0')")
    tab.page.click("text=statistics")
    tab.page.wait_for_selector(f"#statistics:text('counted by v{version}.0.0')")


def test_spa(tmp_path):
    with cooking(tmp_path, "spa", 18480) as recipe, chromium() as browser:
        recipe.begin("/healthz")
        with (
            Tab(browser, recipe.url) as early,
            Tab(browser, recipe.url) as late,
            Tab(browser, recipe.url) as old,
        ):
            shows(early.open(), "1")

            def begun() -> None:
                shows(early.open(), "1")
                late.open().page.wait_for_selector("h1:text('Board v1')")
                old.open().page.wait_for_selector("h1:text('Board v1')")

            def while_both_run() -> None:
                shows(late, "1")  # with a file of the old build, for which it asks only now
                with Tab(browser, recipe.url) as new:
                    shows(new.open(), "2")
                    assert new.errors == []

            recipe.go_through(
                Visitor,
                partial(recipe.edit, "package.json", '"version": "1.0.0"', '"version": "2.0.0"'),
                while_both_run,
                begun,
            )
            shows(early.open(), "2")
            assert early.errors == late.errors == []
            recipe.edit("package.json", '"version": "2.0.0"', '"version": "3.0.0"')
            recipe.bgctl("deploy", "3", "--auto", "--idle-timeout", IDLE)
            # A page that has slept through two releases gets the file of its build for which it asks now.
            shows(old, "1")
            assert old.errors == []
            shows(early.open(), "3")
