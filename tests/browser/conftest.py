"""A real browser, and the real session API behind a small site."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from session_api.keys import signing_keys
from testbed.chromium import PROGRAM
from tests.browser.support.site import ARGUMENTS, Site, reporting
from tests.unit.session_api.support.data import ROOT, write_state
from tests.unit.session_api.support.server import Caller, Server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module, not longer: its event loop runs in this thread, where other tests start theirs."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    signing_keys.create(tmp_path / "keys", "EdDSA")
    return tmp_path / "keys"


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """At rest on 1.6.7."""
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "state.json"
    write_state(path, ("1.6.7", "ready", 100), (None, "maint", 0))
    return path


@pytest.fixture
def server(request: pytest.FixtureRequest, keys: Path, state_file: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "metrics").mkdir()
    environment = {
        "PYTHONPATH": str(ROOT),
        "BGCTL_ISSUER": "bgctl",
        "BGCTL_KEYS": str(keys),
        "BGCTL_STATE": str(state_file),
        "BGCTL_STORE": f"sqlite:///{tmp_path / 'sessions.db'}",
        "BGCTL_SECURE_COOKIES": "false",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
    }
    started = Server(os.environ | environment | getattr(request, "param", {}))
    with reporting(started.url, keys):
        yield started
    started.stop()


@pytest.fixture
def caller(server: Server, keys: Path) -> Iterator[Caller]:
    made = Caller(server.url, keys)
    yield made
    made.close()


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    made = Site(server.url)
    yield made
    made.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
