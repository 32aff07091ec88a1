"""Debian's Chromium, headless."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Error, Page, Response, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]

# It gives a load up when an interface comes or goes, and other tests make networks meanwhile.
CHANGED = "net::ERR_NETWORK_CHANGED"

_goto = Page.goto


def _patient_goto(page: Page, url: str, **more: Any) -> Response | None:
    for _ in range(9):
        try:
            return _goto(page, url, **more)
        except Error as error:
            if CHANGED not in error.message:
                raise
    return _goto(page, url, **more)


Page.goto = _patient_goto  # type: ignore[method-assign,assignment]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
