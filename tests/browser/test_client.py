"""client.mjs in a real browser: when it beats, when it is silent, what it offers and what a reload sends."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browser.support.site import Site, hide, pass_time, self_signed, show, take_time, until, wait
from tests.unit.session_api.support.data import write_state
from tests.unit.session_api.support.server import Caller

INTERVAL = 60_000
LONGEST = INTERVAL * 1.2  # with the jitter
SCRIPT = '<script type="module" src="/api/deployment/client.mjs{}"></script>'
LISTEN = """
    window.heard = [];
    window.addEventListener("bgctl:update", (event) => {
        heard.push(event.detail);
        if (window.prevented) event.preventDefault();
    });
"""
OLD_AND_NEW = ("1.6.7", "drain", 0), ("1.6.8", "ready", 100)


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the page had to say on its console, but for requests that failed: browsers always tell those."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            said.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.fixture
def user(caller: Caller, context: BrowserContext, site: Site) -> str:
    """Somebody who is logged in on 1.6.7."""
    token = caller.log_in("u1", email="a@b.c").json()["token"]
    context.add_cookies([{"name": "bg_session", "value": token, "url": site.url}])
    return token


def open_page(page: Page, site: Site, options: str = "", version: str = "") -> None:
    """The page, with time in the test's hand."""
    site.page(SCRIPT.format(options), version)
    page.add_init_script(LISTEN)
    take_time(page)
    page.goto(site.url)


def test_it_beats_at_once_and_then_once_an_interval(page: Page, site: Site, user: str) -> None:
    open_page(page, site)
    until(page, lambda: site.beats == 1)
    pass_time(page, INTERVAL - 2000)
    assert site.beats == 1
    pass_time(page, LONGEST - INTERVAL + 3000)
    wait(page, lambda: site.beats == 2)
    for _ in range(10):
        pass_time(page, LONGEST)
    assert 2 + 9 <= site.beats <= 2 + 12
    assert site.looks == 0


def test_it_is_silent_while_hidden_and_beats_when_seen_again(page: Page, site: Site, user: str) -> None:
    open_page(page, site)
    until(page, lambda: site.beats == 1)
    for _ in range(5):  # looking away and back is not a reason
        hide(page)
        show(page)
    pass_time(page, 1000)
    assert site.beats == 1
    hide(page)
    pass_time(page, 10 * INTERVAL)
    assert site.beats == 1
    show(page)
    pass_time(page, 10)
    wait(page, lambda: site.beats == 2)


def test_a_page_that_opens_in_the_background_waits(page: Page, site: Site, user: str) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true})"
    )
    open_page(page, site)
    pass_time(page, 5 * INTERVAL)
    assert site.beats == 0
    show(page)
    pass_time(page, 10)
    until(page, lambda: site.beats == 1)


@pytest.mark.threat(51)
def test_51_while_nobody_answers_it_asks_less_and_less(
    page: Page, site: Site, user: str, complaints: list[str]
) -> None:
    open_page(page, site)
    until(page, lambda: site.beats == 1)
    site.down = True
    pass_time(page, 30 * INTERVAL)
    # After 2, 4, 8, and then every 8 intervals, each a little longer. Chromium itself sends a request
    # again whose kept connection was closed.
    assert 4 <= site.beats - 1 <= 12
    site.down = False
    before = site.beats
    pass_time(page, 10 * INTERVAL)
    wait(page, lambda: site.beats > before)
    now = site.beats
    pass_time(page, LONGEST)
    wait(page, lambda: site.beats > now)
    assert complaints == []


def test_an_update_is_told_once_for_each_version(
    page: Page, site: Site, user: str, state_file: Path, complaints: list[str]
) -> None:
    open_page(page, site)
    until(page, lambda: site.beats == 1)
    assert page.evaluate("heard") == []
    write_state(state_file, *OLD_AND_NEW)
    for _ in range(4):
        pass_time(page, LONGEST)
    wait(page, lambda: page.evaluate("Boolean(heard.length)"))
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.9", "ready", 100))
    pass_time(page, LONGEST)
    wait(page, lambda: page.evaluate("Boolean(heard.length > 1)"))
    told = [{"yourVersion": "1.6.7", "currentVersion": version} for version in ("1.6.8", "1.6.9")]
    assert page.evaluate("heard") == told
    assert page.locator("bgctl-update").count() == 0  # nobody asked for a banner
    assert complaints == []


@pytest.mark.parametrize("known_by", ["attribute", "option", "proxy"])
def test_a_visitor_hears_of_an_update(page: Page, site: Site, state_file: Path, known_by: str) -> None:
    write_state(state_file, *OLD_AND_NEW)
    site.version = "1.6.7" if known_by == "proxy" else None
    options = "?version=1.6.7" if known_by == "option" else ""
    open_page(page, site, options, "data-version=1.6.7" if known_by == "attribute" else "")
    wait(page, lambda: page.evaluate("Boolean(heard.length)"))
    assert page.evaluate("heard") == [{"yourVersion": "1.6.7", "currentVersion": "1.6.8"}]


def test_a_visitor_whose_version_nobody_knows_hears_of_the_next_one(
    page: Page, site: Site, state_file: Path
) -> None:
    open_page(page, site)
    until(page, lambda: site.looks == 1)
    write_state(state_file, *OLD_AND_NEW)
    for _ in range(2):
        pass_time(page, LONGEST)
    wait(page, lambda: page.evaluate("Boolean(heard.length)"))


def test_a_visitor_is_seldom_asked_for_a_token(page: Page, site: Site, complaints: list[str]) -> None:
    open_page(page, site)
    until(page, lambda: site.looks == 1)
    pass_time(page, 30 * LONGEST)
    assert 30 <= site.looks <= 37
    assert 4 <= site.beats <= 8  # after 2, 4, 8, and then every 8 intervals
    assert complaints == []


def test_the_banner(page: Page, site: Site, user: str, state_file: Path, complaints: list[str]) -> None:
    write_state(state_file, *OLD_AND_NEW)
    open_page(page, site, "?banner")
    reload = page.get_by_role("button", name="Reload")
    reload.wait_for()
    page.clock.run_for(100)
    assert page.get_by_role("status").inner_text() == "A new version of this page is ready."
    assert page.evaluate("document.activeElement === document.body")  # it takes the focus from nobody
    shape = page.locator("bgctl-update section").evaluate("element => getComputedStyle(element).borderRadius")
    assert shape == "14px"  # dressed, for all the page's policy
    with page.expect_navigation():
        reload.click()
    cookie = site.asked("GET", "/")[-1]
    assert "bg_update=1" in cookie and "bg_session=" in cookie
    assert complaints == []


def test_later_is_for_this_version_and_for_other_pages_too(
    page: Page, site: Site, user: str, state_file: Path
) -> None:
    write_state(state_file, *OLD_AND_NEW)
    open_page(page, site, "?banner")
    page.get_by_role("button", name="Later").click()
    assert page.locator("bgctl-update").count() == 0
    page.reload()
    wait(page, lambda: page.evaluate("Boolean(heard.length)"))
    assert page.locator("bgctl-update").count() == 0
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.9", "ready", 100))
    pass_time(page, LONGEST)
    page.get_by_role("button", name="Later").wait_for()


def test_an_app_with_a_banner_of_its_own(page: Page, site: Site, user: str, state_file: Path) -> None:
    write_state(state_file, *OLD_AND_NEW)
    page.add_init_script("window.prevented = true")
    open_page(page, site, "?banner")
    wait(page, lambda: page.evaluate("Boolean(heard.length)"))
    assert page.locator("bgctl-update").count() == 0


def test_a_rollback_takes_the_offer_back(page: Page, site: Site, user: str, state_file: Path) -> None:
    write_state(state_file, *OLD_AND_NEW)
    open_page(page, site, "?banner")
    page.locator("bgctl-update").wait_for(state="attached")
    write_state(state_file, ("1.6.7", "ready", 100), ("1.6.8", "maint", 0))
    pass_time(page, LONGEST)
    page.locator("bgctl-update").wait_for(state="detached")


def test_a_session_that_moved_leaves_its_older_pages_old(
    page: Page, site: Site, user: str, context: BrowserContext, caller: Caller, state_file: Path
) -> None:
    open_page(page, site)
    until(page, lambda: site.beats == 1)
    write_state(state_file, *OLD_AND_NEW)
    moved = caller.log_in("u1").json()
    assert moved["deploymentVersion"] == "1.6.8"
    context.add_cookies([{"name": "bg_session", "value": moved["token"], "url": site.url}])
    pass_time(page, LONGEST)
    wait(page, lambda: page.evaluate("Boolean(heard.length)"))
    assert page.evaluate("heard") == [{"yourVersion": "1.6.7", "currentVersion": "1.6.8"}]


def test_imported_it_waits_for_watch_and_can_be_stopped(page: Page, site: Site, user: str) -> None:
    site.page('<script type="module" src="/app.mjs"></script>')
    code = 'import * as client from "/api/deployment/client.mjs"; Object.assign(window, client);'
    site.files["/app.mjs"] = "text/javascript", code
    take_time(page)
    page.goto(site.url)
    wait(page, lambda: page.evaluate("Boolean(window.watch)"))
    pass_time(page, INTERVAL)
    assert site.beats == 0
    page.evaluate("void (window.end = watch({ interval: 5 }))")
    pass_time(page, 10)
    until(page, lambda: site.beats == 1)
    pass_time(page, 6000)
    wait(page, lambda: site.beats == 2)
    page.evaluate("end()")
    pass_time(page, INTERVAL)
    assert site.beats == 2
    with page.expect_navigation():
        page.evaluate("reload()")
    assert "bg_update=1" in site.asked("GET", "/")[-1]


LOSE = """
    import "{client}";
    window.missing = [];
    const settle = (element) => {{
        window.settled = new Promise((done) => {{ element.onerror = () => done(); }});
        document.body.append(element);
    }};
    addEventListener("bgctl:missing", (event) => {{
        missing.push(event.detail);
        if (window.prevented) event.preventDefault();
    }});
    window.lose = {{
        chunk: () => import("/gone.mjs"),
        style: () => document.head.append(Object.assign(document.createElement("link"), {{
            rel: "stylesheet", href: "/gone.css" }})),
        script: () => settle(Object.assign(document.createElement("script"), {{ src: "/gone.js" }})),
        vite: () => dispatchEvent(new Event("vite:preloadError", {{ cancelable: true }})),
        webpack: () => Promise.reject(Object.assign(new Error("x"), {{ name: "ChunkLoadError" }})),
        other: () => Promise.reject(new Error("of the app's own")),
        foreign: () => settle(Object.assign(document.createElement("script"), {{
            src: "http://127.0.0.1:1/x.js" }})),
        image: () => settle(Object.assign(new Image(), {{ src: "/gone.png" }})),
    }};
"""


def open_app(page: Page, site: Site, options: str = "") -> None:
    """A page with a script of its own, which can lose a part of itself; its time goes on."""
    site.page(SCRIPT.format(options) + '<script type="module" src="/app.mjs"></script>', "data-version=1.6.7")
    site.files["/app.mjs"] = "text/javascript", LOSE.format(client=f"/api/deployment/client.mjs{options}")
    page.goto(site.url)
    wait(page, lambda: page.evaluate("Boolean(window.lose)"))


def lose(page: Page, part: str) -> None:
    page.evaluate(f"void lose.{part}()")


@pytest.mark.parametrize(
    ("part", "url"),
    [("chunk", None), ("vite", None), ("webpack", None), ("style", "/gone.css"), ("script", "/gone.js")],
)
def test_a_part_that_cannot_be_loaded_is_told_once(
    page: Page, site: Site, part: str, url: str | None
) -> None:
    open_app(page, site)
    for _ in range(2):
        lose(page, part)
    wait(page, lambda: page.evaluate("Boolean(missing.length)"))
    (told,) = page.evaluate("missing")
    assert told == {"version": "1.6.7", "url": url and site.url + url}
    assert page.locator("bgctl-update").count() == 0  # nobody asked for a banner


@pytest.mark.parametrize("part", ["other", "foreign", "image"])
def test_what_is_no_part_of_the_app_is_nobodys_business(page: Page, site: Site, part: str) -> None:
    open_app(page, site)
    lose(page, part)
    page.evaluate("window.settled")  # the browser has tried
    lose(page, "style")
    wait(page, lambda: page.evaluate("Boolean(missing.length)"))
    assert page.evaluate("missing[0].url") == f"{site.url}/gone.css"


def test_a_reload_is_offered(page: Page, site: Site) -> None:
    open_app(page, site, "?banner")
    lose(page, "chunk")
    button = page.get_by_role("button", name="Reload")
    button.wait_for()
    status = page.get_by_role("status")
    wait(page, lambda: status.inner_text() == "A part of this page cannot be loaded any more.")
    with page.expect_navigation():
        button.click()
    assert "bg_update=1" in site.asked("GET", "/")[-1]


def test_it_is_loaded_anew_once_and_never_in_a_loop(page: Page, site: Site) -> None:
    open_app(page, site, "?missing=reload")
    with page.expect_navigation():
        lose(page, "chunk")
    wait(page, lambda: page.evaluate("Boolean(window.lose)"))
    assert len(site.asked("GET", "/")) == 2
    lose(page, "chunk")
    page.get_by_role("button", name="Reload").wait_for()  # it is offered then, and not done
    assert len(site.asked("GET", "/")) == 2


def test_while_nobody_answers_the_page_stays(page: Page, site: Site) -> None:
    open_app(page, site, "?missing=reload")
    wait(page, lambda: site.looks)
    site.down = True
    before = site.looks
    lose(page, "chunk")
    wait(page, lambda: site.looks > before)
    site.down = False
    assert page.evaluate("missing") == []
    with page.expect_navigation():
        page.evaluate("void setInterval(lose.vite, 50)")


def test_what_a_page_fetches_says_its_version_where_it_is_asked_to(page: Page, site: Site) -> None:
    open_app(page, site, "?asks")
    heard: dict[str, str | None] = {}
    page.on("request", lambda asked: heard.update({asked.url: asked.headers.get("x-deployment-version")}))
    page.evaluate(
        """() => Promise.allSettled([
            fetch("/own"), fetch(new Request("/request", { headers: { "X-Mine": "1" } })),
            fetch(new URL("/url", location)),
            fetch("/said", { headers: { "X-Deployment-Version": "1.6.6" } }),
            fetch("http://127.0.0.1:1/foreign"), fetch("http://["),
        ])"""
    )
    ours = {url.removeprefix(site.url): said for url, said in heard.items() if "/api/" not in url}
    assert ours.pop("http://127.0.0.1:1/foreign", None) is None
    assert ours == {
        "/own": "1.6.7",
        "/request": "1.6.7",
        "/url": "1.6.7",
        "/said": "1.6.6",
    }


def test_what_an_app_asks_for_with_the_version_is_else_as_it_was(page: Page, site: Site) -> None:
    open_app(page, site, "?asks")
    seen: dict[str, dict[str, str]] = {}
    page.on("request", lambda asked: seen.update({asked.url.removeprefix(site.url): asked.headers}))
    said = page.evaluate(
        """async () => {
            const frame = document.body.appendChild(document.createElement("iframe"));
            const foreign = new frame.contentWindow.Request(new URL("/foreign", location), {
                method: "POST", body: "x", headers: { "X-Mine": "1" } });
            const wrong = [
                () => fetch("/wrong", { headers: { "not a name": "1" } }),
                () => fetch(), () => fetch({ toString() { throw new Error("mine"); } }),
            ];
            await Promise.allSettled([
                fetch(foreign), fetch("/null", null), fetch("/list", { headers: [["X-Mine", "1"]] }),
                fetch("/plain", { mode: "no-cors" }),
            ]);
            return wrong.map((ask) => {
                try {
                    ask().catch(() => {});
                    return "a promise";
                } catch (error) {
                    return `thrown: ${error.message}`;
                }
            });
        }"""
    )
    assert said == ["a promise"] * 3, "as the browser's own fetch does it"
    named = {path: headers.get("x-deployment-version") for path, headers in seen.items() if "api" not in path}
    assert named == {"/foreign": "1.6.7", "/null": "1.6.7", "/list": "1.6.7", "/plain": None}
    assert [seen[path].get("x-mine") for path in ("/foreign", "/list")] == ["1", "1"]


@pytest.mark.parametrize(
    "server", [{"BGCTL_SECURE_COOKIES": "true", "BGCTL_COOKIE_STEM": "shop"}], indirect=True
)
def test_by_https_the_cookie_is_bound_to_the_host(browser: Browser, server: Any, tmp_path: Path) -> None:
    secure = Site(server.url, self_signed(tmp_path))
    context = browser.new_context(ignore_https_errors=True)
    try:
        page = context.new_page()
        secure.page('<script type="module" src="/app.mjs"></script>')
        code = 'import { reload } from "/api/deployment/client.mjs"; window.again = reload;'
        secure.files["/app.mjs"] = "text/javascript", code
        page.goto(secure.url)
        wait(page, lambda: page.evaluate("Boolean(window.again)"))
        with page.expect_navigation():
            page.evaluate("again()")
        assert secure.asked("GET", "/")[-1] == "__Host-shop_update=1"
        (cookie,) = context.cookies()
        assert (cookie["path"], cookie["secure"], cookie["sameSite"]) == ("/", True, "Lax")
    finally:
        context.close()
        secure.close()
