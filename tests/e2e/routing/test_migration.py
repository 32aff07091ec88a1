"""Sessions that move on with the load of a page, and pages that keep their version; in a real browser too."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from functools import partial

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Response

from testbed.load import LoadProcess
from tests.e2e.support.browsers import chromium
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

LOAD = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}
CROWD = 500
WAVE = 50  # of them log in at a time
VIEWS = 2  # page views within which everybody has moved


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Stack]:
    """Sessions move with page loads. Blue is on OLD; a test begins the release when its people are there."""
    with running(
        tmp_path_factory.mktemp("migration") / "project", migrate="navigation", idle_timeout="5s"
    ) as one:
        one.bgctl("up-green", NEW)
        yield one


@pytest.fixture(autouse=True)
def _all_on_blue(site):
    site.bgctl("route", "disable-green")


def arrive(stack: Stack, user: str | None = "ada") -> requests.Session:
    """A browser that loads the board, and perhaps logs in."""
    browser = stack.visitor()
    load(stack, browser)
    if user:
        form = {"user": user, "email": f"{user}@example.test"}
        browser.post(f"{stack.url}/login", data=form, headers=LOAD, timeout=10).raise_for_status()
    load(stack, browser)
    return browser


def load(stack: Stack, browser: requests.Session, path: str = "/", **headers: str) -> str:
    """The version of a page that is loaded."""
    answer = browser.get(stack.url + path, headers={**LOAD, **headers}, timeout=10)
    version = answer.headers["X-Deployment-Version"]
    assert f'data-version="{version}"' in answer.text
    return version


def fetch(stack: Stack, browser: requests.Session, page: str | None, path: str = "/api/whoami") -> str:
    """The version that answers a script of the page at `page`."""
    headers = {**FETCH, "Referer": stack.url + page} if page else FETCH
    answer = browser.get(stack.url + path, headers=headers, timeout=10)
    version: str = answer.json()["version"]
    assert answer.headers["X-Deployment-Version"] == version
    return version


def claims(text: str) -> dict[str, object]:
    body = text.split(".")[1]
    decoded: dict[str, object] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return decoded


@pytest.mark.parametrize("user", ["ada", None])
def test_a_page_load_takes_the_session_along_and_nothing_else_does(site, user):
    browser = arrive(site, user)
    site.bgctl("route", "enable-green")
    for headers in (
        FETCH,
        {"Accept": "application/json"},
        {**LOAD, "Sec-Fetch-Dest": "iframe"},
        {**LOAD, "Sec-Purpose": "prefetch"},
    ):
        assert site.version_of(browser, **headers) == OLD
    assert (
        browser.post(f"{site.url}/login", data={}, headers=LOAD, timeout=10).headers["X-Deployment-Version"]
        == OLD
    )
    assert load(site, browser) == NEW
    assert [fetch(site, browser, "/"), fetch(site, browser, None), load(site, browser, "/log")] == [NEW] * 3
    assert claims(browser.cookies["bg_pin"])["from"] == OLD
    if user:
        assert claims(browser.cookies["bg_session"])["deploymentVersion"] == OLD, "the token is untouched"


def test_a_second_tab_keeps_the_version_of_its_page(site):
    browser = arrive(site, "tabitha")
    assert load(site, browser, "/log") == OLD
    site.bgctl("route", "enable-green")
    assert load(site, browser, "/") == NEW
    for _ in range(3):
        assert fetch(site, browser, "/log", "/api/log") == OLD
        assert fetch(site, browser, "/") == NEW

    def holds(version: str) -> bool:
        return any(user["userId"] == "tabitha" for user in site.census(version=version, limit=1000)["users"])

    eventually(lambda: holds(NEW) and holds(OLD), "the old page holds the old version")
    beat = browser.post(
        f"{site.url}/api/deployment/heartbeat", headers={**FETCH, "Referer": f"{site.url}/log"}, timeout=10
    )
    assert beat.json() == {"yourVersion": NEW, "currentVersion": NEW, "updateAvailable": False}
    assert fetch(site, browser, "/log", "/api/log") == OLD, "a beat of the old page moves nothing back"
    assert load(site, browser, "/log") == NEW
    assert fetch(site, browser, "/log", "/api/log") == NEW


def test_scripts_and_styles_of_an_old_page_bring_their_own(site):
    browser = arrive(site)
    page = browser.get(f"{site.url}/log", headers=LOAD, timeout=10).text
    script = next(
        part for part in page.split('"') if part.startswith("/assets/log.") and part.endswith(".js")
    )
    code = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "script"}
    text = browser.get(site.url + script, headers={**code, "Referer": f"{site.url}/log"}, timeout=10).text
    imported = text.partition('from "./')[2].partition('"')[0]
    site.bgctl("route", "enable-green")
    assert load(site, browser, "/") == NEW
    answer = browser.get(
        f"{site.url}/assets/{imported}", headers={**code, "Referer": site.url + script}, timeout=10
    )
    assert (answer.status_code, answer.headers["X-Deployment-Version"]) == (200, OLD)


def test_what_an_old_page_loads_later_brings_its_own_too(site):
    """Its script is asked for after the session has moved, and what that imports after that."""
    browser = arrive(site)
    page = browser.get(f"{site.url}/log", headers=LOAD, timeout=10).text
    script = next(
        part for part in page.split('"') if part.startswith("/assets/log.") and part.endswith(".js")
    )
    site.bgctl("route", "enable-green")
    assert load(site, browser, "/") == NEW
    code = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "script"}
    text = browser.get(site.url + script, headers={**code, "Referer": f"{site.url}/log"}, timeout=10).text
    imported = text.partition('from "./')[2].partition('"')[0]
    answer = browser.get(
        f"{site.url}/assets/{imported}", headers={**code, "Referer": site.url + script}, timeout=10
    )
    assert (answer.status_code, answer.headers["X-Deployment-Version"]) == (200, OLD)


def test_a_pin_lives_on_with_what_scripts_do(tmp_path_factory):
    """A visitor who uses the old tab alone, and an app with its token in a script: no page is loaded."""
    life = 10  # seconds: more than a switch takes, during which no request renews a pin
    directory = tmp_path_factory.mktemp("pins") / "project"
    with running(directory, migrate="navigation", pin_idle=f"{life}s", idle_timeout=f"{life}s") as short:
        short.bgctl("up-green", NEW)
        visitor, app = arrive(short, None), arrive(short, None)
        for browser in (visitor, app):
            load(short, browser, "/log")
        form, headers = {"user": "ada"}, {"Accept": "application/json"}
        token = app.post(f"{short.url}/login", data=form, headers=headers, timeout=10).json()["token"]
        short.bgctl("route", "enable-green")
        assert [load(short, browser, "/") for browser in (visitor, app)] == [NEW, NEW]
        of_old_tab = {**FETCH, "Referer": f"{short.url}/log"}
        of_script = {**FETCH, "Referer": f"{short.url}/", "Authorization": f"Bearer {token}"}
        began = short.proxy_status()["activity"]["lastDelivery"]
        versions = set()

        def lived_twice() -> bool:
            versions.add((short.version_of(visitor, **of_old_tab), short.version_of(app, **of_script)))
            return short.proxy_status()["activity"]["lastDelivery"] > began + 2 * life

        eventually(lived_twice, "twice the life of a pin is over")
        assert versions == {(OLD, NEW)}


def test_refresh_carries_the_move_into_the_token(site):
    browser = arrive(site)
    sid = claims(browser.cookies["bg_session"])["sid"]
    site.bgctl("route", "enable-green")
    assert load(site, browser) == NEW
    browser.post(f"{site.url}/api/deployment/refresh", headers=FETCH, timeout=10).raise_for_status()
    token = claims(browser.cookies["bg_session"])
    assert (token["deploymentVersion"], token["sid"]) == (NEW, sid)
    assert load(site, browser) == NEW


def test_who_has_moved_comes_back_with_a_rollback(site):
    browser = arrive(site)
    site.bgctl("route", "enable-green")
    assert load(site, browser) == NEW
    site.bgctl("route", "disable-green")
    assert [fetch(site, browser, "/"), load(site, browser)] == [OLD, OLD]


def test_nobody_moves_whose_pages_are_not_all_known(site):
    """The first thing that the proxy saw of this browser was no page: others may be open in it."""
    browser = site.log_in("ada")
    assert site.version_of(browser) == OLD
    load(site, browser)
    site.bgctl("route", "enable-green")
    assert [load(site, browser), load(site, browser)] == [OLD, OLD]
    assert "pages" not in claims(browser.cookies["bg_pin"])


def test_an_api_client_does_not_move(site):
    browser = arrive(site)
    bearer = {"Authorization": f"Bearer {browser.cookies['bg_session']}"}
    site.bgctl("route", "enable-green")
    assert (
        requests.get(f"{site.url}/", headers={**bearer, **LOAD}, timeout=10).headers["X-Deployment-Version"]
        == OLD
    )


def test_a_bearer_token_follows_the_pages_of_its_browser(site):
    """An app that keeps its token in a script loads its pages as a visitor; both move together."""
    browser = arrive(site, None)
    answer = browser.post(
        f"{site.url}/login", data={"user": "ada"}, headers={"Accept": "application/json"}, timeout=10
    )
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    site.bgctl("route", "enable-green")
    assert site.version_of(browser, **FETCH, **bearer) == OLD
    assert load(site, browser) == NEW
    assert site.version_of(browser, **FETCH, **bearer, Referer=f"{site.url}/") == NEW


def test_a_forged_pin_moves_nobody(site):
    browser = arrive(site)
    head, _, tail = browser.cookies["bg_pin"].split(".")
    site.bgctl("route", "enable-green")
    forged = {
        "sid": "x" * 22,
        "deploymentVersion": NEW,
        "from": OLD,
        "iss": "bgctl-pin",
        "iat": 1,
        "exp": 2**40,
    }
    claimed = urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    browser.cookies.set("bg_pin", f"{head}.{claimed}.{tail}", domain="127.0.0.1", path="/")
    assert site.version_of(browser, **FETCH) == OLD


def are_on_old(people: LoadProcess, many: int) -> bool:
    return people.snapshot().sessions.get(OLD, 0) == many


def test_five_hundred_people_have_moved_within_two_page_views(site):
    with LoadProcess(site.url, served={OLD, NEW}, rate=300, migrate="navigation") as people:
        for many in range(WAVE, CROWD + 1, WAVE):  # five hundred log-ins at one moment are not the matter
            people.spawn("cookie", WAVE)
            eventually(partial(are_on_old, people, many), "they are logged in")
        site.bgctl("route", "enable-green")
        people.set_draining(OLD)
        eventually(lambda: people.snapshot().sessions.get(NEW, 0) == CROWD, "all are on the new version")
        eventually(lambda: site.census()["versions"][OLD]["sessions"] == 0, "and the count says so")
        site.bgctl("drain", "--timeout", "60s")
        tally = people.stop()
    assert tally.clean, tally
    assert tally.migrated == CROWD
    assert tally.views_to_migrate <= VIEWS


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def context(browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    made.set_default_timeout(15_000)
    yield made
    made.close()


def test_two_tabs_of_a_real_browser_each_keep_to_one_version(site, context):
    """The ship's log says whose answers it got; not one is the other version's, and nothing is missing."""
    missing: list[str] = []

    def look(answer: Response) -> None:
        visitor = answer.status == 401 and answer.url.endswith("/heartbeat")  # of the page with the log-in
        if answer.status >= 400 and not visitor:
            missing.append(answer.url)

    context.on("response", look)
    board, log = context.new_page(), context.new_page()
    board.goto(f"{site.url}/login")
    board.get_by_label("Name").fill("Ada")
    board.get_by_role("button", name="Log in").click()
    board.wait_for_url(f"{site.url}/")
    log.goto(f"{site.url}/log")
    site.bgctl("route", "enable-green")

    board.reload()
    assert board.locator("html").get_attribute("data-version") == NEW
    reads = int(log.locator("#source").inner_text().split()[1])
    log.wait_for_function(
        f"parseInt(document.getElementById('source').innerText.split(' ')[1]) > {reads + 3}"
    )
    assert log.locator("#source").inner_text().endswith(f"times from {OLD}")
    board.wait_for_function("document.querySelectorAll('#track li').length > 3")
    assert board.locator("#track li.other, #track li.failed").count() == 0
    log.reload()
    assert log.locator("html").get_attribute("data-version") == NEW
    assert missing == []


def test_the_banner_of_a_page_brings_its_session_to_the_new_version(tmp_path_factory, context):
    """Nobody moves by itself here; the user asks for it."""
    with running(tmp_path_factory.mktemp("never") / "project") as never:
        page = context.new_page()
        page.goto(f"{never.url}/login")
        page.get_by_label("Name").fill("Ada")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{never.url}/")
        never.start_of_release()
        page.reload()
        assert page.locator("html").get_attribute("data-version") == OLD
        page.get_by_role("button", name="Reload").click()
        page.wait_for_function(f"document.documentElement.dataset.version === '{NEW}'")
        assert page.locator("#track li.other").count() == 0


def test_only_who_was_idle_moves_where_the_operator_has_it_so(tmp_path_factory):
    """Ten seconds are more than a switch takes, during which nobody is busy."""
    with running(tmp_path_factory.mktemp("idle") / "project", migrate="idle", migrate_idle="10s") as idle:
        idle.bgctl("up-green", NEW)
        busy, quiet = arrive(idle), arrive(idle)
        idle.bgctl("route", "enable-green")
        versions = set()

        def has_moved() -> bool:
            versions.add(load(idle, busy))
            return idle.proxy_status()["activity"]["lastDelivery"] > began + 11

        began = idle.proxy_status()["activity"]["lastDelivery"]
        eventually(has_moved, "eleven seconds have passed")
        assert versions == {OLD}
        assert load(idle, quiet) == NEW
