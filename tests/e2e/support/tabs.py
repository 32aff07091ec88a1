"""A browser of its own with one tab, and all that went wrong in it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from playwright.sync_api import Browser, ConsoleMessage, Request, Response


class Tab:
    """`errors` are lines of the console, exceptions of scripts, and answers that are failures."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url, self.errors = url, list[str]()
        self._context = browser.new_context(ignore_https_errors=True)  # authorities are of a test's own
        self.page = self._context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        self.page.on("response", self._answered)
        self.page.on("requestfailed", self._failed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._context.close()

    def open(self, path: str = "/") -> Self:
        self.page.goto(self.url + path, wait_until="load")
        return self

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text} ({message.location['url']})")

    def _failed(self, request: Request) -> None:
        """A page's script may change its mind (Next.js does, of what it loads beforehand): no fault."""
        if request.failure != "net::ERR_ABORTED":
            self.errors.append(f"{request.failure}: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status}: {response.url}")
