"""What the load sends is what Chromium sends, for every kind of request that the demo app's pages make."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from testbed.chromium import CHROMIUM, PROGRAM
from testbed.load import Load, headers
from tests.unit.testbed.support.play import OLD, run, until
from tests.unit.testbed.support.stage import Stage, stage_of

pytestmark = pytest.mark.whole

# Of the connection, of the client's own make, or the same for all requests that a browser sends.
OURS = re.compile(
    r"host|connection|cookie|content-length|accept-encoding|accept-language|user-agent|sec-ch-.*|sec-websocket-.*"
)
ID = re.compile(r"\.\w{10}\.(css|js|svg)$")

Sent = dict[str, dict[str, str]]


class Listener:
    """The headers of each kind of request, as they arrive."""

    def __init__(self, stage: Stage) -> None:
        self.sent: Sent = {}
        self._origin = stage.url
        stage.proxy.trick = self.listen

    async def listen(self, request: web.Request, version: str) -> None:
        names = {name.lower(): value for name, value in request.headers.items()}
        page = self._short(names.get("referer", ""))
        kept = {name: self._short(value) for name, value in names.items() if not OURS.fullmatch(name)}
        kept.pop("idempotency-key", None)
        self.sent[f"{request.method} {self._short(request.path)} from {page or 'nowhere'}"] = kept

    def _short(self, text: str) -> str:
        return ID.sub(r".\1", text.replace(self._origin, ""))


@asynccontextmanager
async def chromium(stage: Stage) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        try:
            yield await browser.new_page(base_url=stage.url, locale="en-US")
        finally:
            await browser.close()


async def of_chromium(stage: Stage) -> Sent:
    """Somebody visits the log-in page, logs in, reads the log, comes back and pins a note."""
    listener = Listener(stage)
    async with chromium(stage) as page:
        await page.goto("/login")
        await page.fill("[name=user]", "Ada")
        await page.click("main button")
        await page.wait_for_selector("#track li")
        await page.click("nav a[href='/log']")
        await page.wait_for_function("document.getElementById('source').textContent.startsWith('read')")
        await until(lambda: any(kind.startswith("GET /assets/wave.svg") for kind in listener.sent))
        await page.click("nav a[href='/']")
        await page.fill("#text", "ahoy")
        await page.click("#compose button")
        await page.wait_for_selector("#notes li")
    return listener.sent


async def of_the_load(stage: Stage, wanted: set[str]) -> Sent:
    listener = Listener(stage)
    load = Load(stage.url, served={OLD}, rate=200)
    await load.start()
    load.spawn("cookie", 4)
    load.spawn("websocket", 1)
    try:
        async with asyncio.timeout(20):
            await until(lambda: wanted <= listener.sent.keys())
    except TimeoutError:
        pass  # the comparison says what is missing
    finally:
        await load.stop()
    return listener.sent


KINDS = {
    "GET /login from nowhere",
    "POST /login from /login",
    "GET / from /login",
    "GET / from /log",
    "GET /log from /",
    "GET /assets/app.css from /login",
    "GET /assets/app.js from /login",
    "GET /assets/icon.svg from /login",
    "GET /assets/log.css from /log",
    "GET /assets/log.js from /log",
    "GET /assets/wave.svg from /assets/log.css",
    "GET /assets/ago.js from /assets/log.js",
    "GET /api/whoami from /",
    "GET /api/log from /log",
    "POST /api/notes from /",
    "GET /ws from nowhere",
}


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Debian's chromium")
def test_users_send_what_chromium_sends(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, OLD) as stage:
            theirs = await of_chromium(stage)
            ours = await of_the_load(stage, KINDS)
        for kind in sorted(KINDS):
            assert kind in theirs, f"Chromium no longer sends {kind}: {sorted(theirs)}"
            assert ours.get(kind) == theirs[kind], kind

    run(scenario())


def test_an_api_client_sends_nothing_that_only_browsers_send(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, OLD) as stage:
            listener = Listener(stage)
            load = Load(stage.url, served={OLD}, rate=200)
            await load.start()
            load.spawn("bearer", 2)
            await until(lambda: load.tally().requests > 40)
            await load.stop()
        names = {name for sent in listener.sent.values() for name in sent}
        assert not {name for name in names if name.startswith("sec-fetch")}
        assert not names & {"referer", "origin", "upgrade-insecure-requests"}
        assert not any("text/html" in sent.get("accept", "") for sent in listener.sent.values())

    run(scenario())


def test_a_navigation_from_nowhere_is_of_no_site() -> None:
    assert headers.navigation()["Sec-Fetch-Site"] == "none" and "Referer" not in headers.navigation()
    assert headers.navigation("http://x/")["Sec-Fetch-Site"] == "same-origin"
