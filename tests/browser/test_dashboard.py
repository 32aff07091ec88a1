"""The dashboard in a real browser: nothing that is old or unknown passes for known."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browser.support.site import Site, hide, pass_time, show, take_time, until, wait
from tests.unit.session_api.support.data import damage, write_state
from tests.unit.session_api.support.server import Caller

PATH = "/api/deployment/dashboard"
DATA = f"{PATH}/data"
NASTY = '<img src=x onerror="window.struck=1"><script>window.struck=1</script>'
# The least contrast of any text with what is behind it, and whose that is.
CONTRAST = """() => {
    const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => rgb(color).slice(0, 3).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return rgb(color)[3] === 0 && element.parentElement ? behind(element.parentElement) : color;
    };
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    const hasText = (element) => [...element.childNodes].some(isText);
    const texts = [...document.querySelectorAll("body *")]
        .filter((element) => element.checkVisibility() && !element.disabled && hasText(element));
    const ratios = texts.map((element) => {
        const pair = [light(getComputedStyle(element).color), light(behind(element))];
        const [low, high] = pair.sort((a, b) => a - b);
        return [(high + 0.05) / (low + 0.05), element.outerHTML.slice(0, 80)];
    });
    return ratios.sort((a, b) => a[0] - b[0])[0];
}"""


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def draining(state_file: Path) -> Path:
    """1.6.7 gives way to 1.6.8, which new sessions get."""
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))
    document = json.loads(state_file.read_text()) | {"updatedAt": ago(minutes=134)}
    deployment = {"id": "1", "from": "1.6.7", "to": "1.6.8", "startedAt": ago(hours=3), "step": "drain"}
    state_file.write_text(json.dumps(document | {"deployment": deployment}))
    return state_file


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Errors of the page, and whatever its policy forbade."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            said.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def log_in(page: Page, site: Site, caller: Caller) -> None:
    page.goto(site.url + PATH)
    page.get_by_label("Admin key").fill(caller.admin_key)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("Live", exact=True).wait_for()


def user_on(site: Site, caller: Caller, user: str, version: str, **more: str) -> None:
    headers = {"Authorization": f"Bearer {caller.service_key}", "X-Deployment-Version": version}
    body = {"userId": user, **more}
    assert requests.post(f"{site.api}/token", json=body, headers=headers, timeout=30).status_code == 201


def change(site: Site, gauges: Any = None, versions: Any = None, **sessions: Any) -> None:
    """Real data with changes, as if proxies reported."""

    def alter(document: Any) -> None:
        document["gauges"] = gauges
        document["sessions"] |= sessions
        for version, count in document["sessions"]["versions"].items():
            count |= (versions or {}).get(version, {})

    site.alter[DATA] = alter


def test_log_in_and_out(page: Page, site: Site, caller: Caller, complaints: list[str]) -> None:
    page.goto(site.url + PATH)
    page.get_by_label("Admin key").fill("not it")
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("alert").inner_text() == "This is not the admin key."
    log_in(page, site, caller)
    assert page.evaluate("document.cookie") == ""  # no script reads it
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Admin key").wait_for()
    assert page.evaluate(f"fetch('{DATA}').then((answer) => answer.status)") == 401
    assert complaints == []


def test_a_release_at_a_glance(
    page: Page, site: Site, caller: Caller, draining: Path, complaints: list[str]
) -> None:
    user_on(site, caller, "u1", "1.6.7", email="ada@example.com")
    for number in range(3):
        user_on(site, caller, f"v{number}", "1.6.8")
    log_in(page, site, caller)
    assert page.get_by_role("heading", level=1).inner_text().split() == ["1.6.7", "→", "1.6.8"]
    release = page.locator("#release").inner_text()
    for fact in ("Draining", "changed 2 h 14 min ago", "1 session", "3 of 4 sessions are on 1.6.8", "75 %"):
        assert fact in release
    assert page.get_by_role("progressbar").get_attribute("aria-valuenow") == "75"
    assert page.title().startswith("1 on 1.6.7")
    row = page.get_by_role("row", name="Sessions").filter(has_not_text="New")
    assert row.get_by_role("cell").all_inner_texts() == ["1", "3"]
    assert "ada@example.com" in page.locator("#users").inner_text()
    assert page.get_by_text("None yet.").is_visible()
    assert complaints == []


def test_forecast_gauges_and_history(page: Page, site: Site, caller: Caller, draining: Path) -> None:
    user_on(site, caller, "u1", "1.6.7")
    line: dict[str, Any] = {"at": ago(minutes=5), "who": "deploy", "command": "route"}
    line |= {"what": "new sessions get 1.6.8"}
    line |= {"outcome": "failed", "why": "worker 7", "seconds": 2.1, "from": "1.6.7", "to": "1.6.8"}
    draining.with_name("history.jsonl").write_text(json.dumps(line) + '\n{"torn')
    change(
        site,
        forecast={"earliest": ago(minutes=-26.2), "likely": ago(minutes=-71.2), "latest": ago(days=-6)},
        gauges={"1.6.7": {"open": 5, "websockets": 4, "requests": 200, "errors": 3}},
    )
    log_in(page, site, caller)
    forecast = page.locator(".forecast").inner_text()
    for fact in ("in 26 min", "in 1 h 11 min", "in 6 days"):
        assert fact in forecast
    table = page.get_by_role("table").first
    assert table.get_by_role("row", name="Open requests").get_by_role("cell").all_inner_texts() == [
        "5",
        "unknown",
    ]
    assert "3 of 200 since the proxy started" in table.inner_text()
    history = page.locator("#history").inner_text()
    assert all(fact in history for fact in ("failed", "worker 7", "took 2 s", "5 min ago"))


def test_what_users_chose_is_text_and_nothing_else(
    page: Page, site: Site, caller: Caller, draining: Path, complaints: list[str]
) -> None:
    user_on(site, caller, NASTY, "1.6.7", email=NASTY)
    log_in(page, site, caller)
    assert page.locator("#users .who").inner_text() == NASTY
    assert page.evaluate("window.struck") is None
    assert complaints == []


@pytest.mark.threat(54)
def test_54_unknown_is_said_with_its_reason_and_is_never_0(
    page: Page, site: Site, caller: Caller, draining: Path
) -> None:
    nothing = dict.fromkeys(["sessions", "users", "anonymous", "websockets", "lastActivity"])
    why = "proxy web1:8080 has not reported for 14 s"
    change(site, unknown=why, users=[], versions={"1.6.7": nothing, "1.6.8": nothing}, totalActiveUsers=None)
    log_in(page, site, caller)
    assert page.get_by_text(f"Counts are unknown: {why}.").is_visible()
    assert page.locator(".big").inner_text() == "unknown"
    assert (
        page.get_by_role("row", name="Users").first.get_by_role("cell").all_inner_texts() == ["unknown"] * 2
    )
    assert page.get_by_role("progressbar").get_attribute("aria-valuenow") is None
    assert "nothing holds it" not in page.locator("main").inner_text()
    assert page.title().startswith("? on 1.6.7")


@pytest.mark.threat(54)
def test_54_visitors_alone_may_be_unknown(page: Page, site: Site, caller: Caller, draining: Path) -> None:
    nobody = {"sessions": 0, "users": 0, "anonymous": None, "websockets": 0, "lastActivity": None}
    why = "proxy web1:8080 saw more visitors than it could tell of"
    change(site, unknownVisitors=why, users=[], versions={"1.6.7": nobody, "1.6.8": nobody})
    log_in(page, site, caller)
    assert page.locator(".left").inner_text().split("\n")[-1].endswith("visitors unknown")
    assert "nothing holds it" not in page.locator("main").inner_text()


@pytest.mark.threat(54)
def test_54_the_store_is_broken(
    page: Page, site: Site, caller: Caller, draining: Path, tmp_path: Path
) -> None:
    user_on(site, caller, "u1", "1.6.7")
    damage(tmp_path / "sessions.db")
    log_in(page, site, caller)
    page.get_by_text("Counts are unknown: the session store does not answer.").wait_for()
    assert page.get_by_role("heading", level=1).inner_text().split() == ["1.6.7", "→", "1.6.8"]
    assert page.locator(".big").inner_text() == "unknown"


@pytest.mark.threat(51)
def test_51_old_data_is_never_shown_as_live(page: Page, site: Site, caller: Caller, draining: Path) -> None:
    take_time(page)
    log_in(page, site, caller)
    site.down = True
    pass_time(page, 12_000)
    page.get_by_text("Stale", exact=True).wait_for()
    assert "The session API does not answer." in page.get_by_role("alert").inner_text()
    assert page.title().startswith("(stale) ")
    pass_time(page, 60_000)
    age = page.locator("#age").inner_text()
    assert age in {f"{seconds} s ago" for seconds in range(72, 80)}
    assert page.locator("#live").evaluate("element => getComputedStyle(element).color") != "rgb(11, 122, 75)"
    site.down = False
    pass_time(page, 12_000)
    page.get_by_text("Live", exact=True).wait_for()
    assert page.get_by_role("alert").count() == 0 or not page.get_by_role("alert").inner_text()


def test_it_refreshes_while_it_is_looked_at(page: Page, site: Site, caller: Caller, draining: Path) -> None:
    take_time(page)
    log_in(page, site, caller)
    until(page, lambda: len(site.asked("GET", DATA)) == 1)
    pass_time(page, 35_000)
    assert 3 <= len(site.asked("GET", DATA)) <= 5
    hide(page)
    before = len(site.asked("GET", DATA))
    pass_time(page, 60_000)
    assert len(site.asked("GET", DATA)) == before
    write_state(draining, ("1.6.8", "ready", 100), (None, "maint", 0))
    show(page)
    until(page, lambda: len(site.asked("GET", DATA)) == before + 1)
    wait(page, lambda: page.get_by_role("heading", level=1).inner_text() == "1.6.8")


def test_a_log_in_that_ended_leads_back_to_the_form(
    page: Page, context: BrowserContext, site: Site, caller: Caller, draining: Path
) -> None:
    take_time(page)
    log_in(page, site, caller)
    context.clear_cookies()
    page.clock.run_for(11_000)
    page.get_by_label("Admin key").wait_for()


def test_pages_of_users(page: Page, site: Site, caller: Caller, draining: Path) -> None:
    user_on(site, caller, "u1", "1.6.7")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("?")[2]))
    change(site, nextPage="cursor+/=")
    log_in(page, site, caller)
    assert page.get_by_role("button", name="Newer").is_disabled()
    page.get_by_role("button", name="Older").click()
    wait(page, lambda: asked[-1] == "limit=20&page=cursor%2B%2F%3D")
    wait(page, lambda: page.get_by_role("button", name="Newer").is_enabled())
    page.get_by_role("button", name="Newer").click()
    wait(page, lambda: asked[-1] == "limit=20")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_and_can_be_read(
    browser: Browser, site: Site, caller: Caller, draining: Path, scheme: Any, width: int
) -> None:
    user_on(site, caller, "u1", "1.6.7", email=f"{'very.long.' * 8}name@example.com")
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = context.new_page()
    for see in (lambda: page.goto(site.url + PATH), lambda: log_in(page, site, caller)):
        see()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ratio, whose = page.evaluate(CONTRAST)
        assert ratio >= 4.5, whose
    context.close()


def test_words(page: Page, site: Site) -> None:
    page.goto(site.url + PATH)  # its policy lets scripts of its own in, logged in or not
    said = page.evaluate(
        f"""async () => {{
            const {{ duration, errors, percent, relative, some }} = await import("{PATH}/words.mjs");
            const gauge = (requests, errors) => ({{ requests, errors }});
            const pairs = [[0, 9], [1, 9999], [1, 200], [1, 3], [999, 1000], [5, 5]];
            return {{
                percent: pairs.map((pair) => percent(...pair)),
                duration: [0, 89, 90, 3599, 3600, 7500, 129600, 518400].map(duration),
                relative: [0, 5000, -5000].map((by) => relative(new Date(1e12 + by).toISOString(), 1e12)),
                some: [0, null, undefined, 1, 1234].map((count) => some(count, "user")),
                recent: errors(gauge(321, 12), gauge(221, 11)),
                restarted: errors(gauge(20, 1), gauge(221, 11)),
                none: errors(gauge(0, 0), null),
            }};
        }}"""
    )
    assert said["percent"] == ["0 %", "< 0.1 %", "0.5 %", "33 %", "99 %", "100 %"]
    assert said["duration"] == ["0 s", "89 s", "2 min", "1 h", "1 h", "2 h 5 min", "2 days", "6 days"]
    assert said["relative"] == ["now", "in 5 s", "5 s ago"]
    assert said["some"] == [None, None, None, "1 user", "1,234 users"]
    assert said["recent"] == {"many": True, "rate": "1 %", "detail": "1 of 100 in the last minute"}
    assert said["restarted"] == {"many": True, "rate": "5 %", "detail": "1 of 20 since the proxy started"}
    assert said["none"] is None
