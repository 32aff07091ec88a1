"""X-Deployment-Version in a page's requests: who answers, over a whole release, and what stays as it was."""

from __future__ import annotations

import re
import time

import jwt
import requests

from tests.e2e.support.browsers import chromium
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually
from tests.e2e.support.tabs import Tab

ASKED = "X-Deployment-Version"
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}
LOAD = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
NO_VERSION = ["", "9.9.9", "blue", "../1.6.7", f"{OLD},{NEW}", f"{OLD} x", f"v{OLD}", "é", "x" * 9000]

CLIENT = '"/api/deployment/client.mjs?asks"'
WATCH = f"import({CLIENT}).then(client => void client.watch({{ asks: true }}))"
WHO = "fetch('/api/whoami').then(answer => answer.json()).then(said => said.version)"


def answers(stack: Stack, browser: requests.Session, version: str, **more: str) -> str:
    return stack.version_of(browser, **FETCH, **{ASKED: version}, **more)


def decided(stack: Stack, reason: str) -> int:
    stack.settled()
    text = requests.get(f"{stack.control_url}/metrics", timeout=10).text
    return sum(map(int, re.findall(rf'(?m)^bgctl_decisions_total\{{.*reason="{reason}".*\}} (\d+)$', text)))


def counted(stack: Stack) -> dict[str, tuple[int, int]]:
    """Sessions and visitors of each version, once the session API has heard of what the proxy has seen."""
    asked = time.time()
    eventually(lambda: stack.proxy_status()["activity"]["lastDelivery"] > asked, "what was seen is told")
    census = stack.census()
    assert not census["unknown"]
    versions = census["versions"].items()
    return {
        version: (each["sessions"], each["anonymous"]) for version, each in versions if any(each.values())
    }


def test_a_page_gets_the_version_that_it_asks_for_through_a_whole_release(stack):
    old, visitor = stack.log_in("olga"), stack.visitor()
    for browser in (old, visitor):
        assert browser.get(f"{stack.url}/", timeout=10).headers[ASKED] == OLD
        assert answers(stack, browser, NEW) == OLD, "nothing is served but the old one"
    stack.bgctl("up-green", NEW)
    stack.bgctl("preview")
    assert answers(stack, old, NEW) == OLD, "one that is only previewed is not reached by it"
    stack.bgctl("route", "enable-green")
    new = stack.log_in("nina")
    assert [stack.version_of(each) for each in (old, visitor, new)] == [OLD, OLD, NEW]
    before, jars = counted(stack), [each.cookies.get_dict() for each in (old, visitor, new)]
    total = decided(stack, "asked")
    for _ in range(5):
        assert [answers(stack, each, NEW) for each in (old, visitor)] == [NEW, NEW]
        assert answers(stack, new, OLD) == OLD
        assert [stack.version_of(each, **FETCH) for each in (old, visitor, new)] == [OLD, OLD, NEW]
    assert decided(stack, "asked") == total + 15
    assert answers(stack, old, OLD) == OLD, "its own version is no other"
    assert [stack.version_of(old, **LOAD, **{ASKED: NEW})] == [OLD], "a page is of its session's version"
    for said in NO_VERSION:
        answer = old.get(f"{stack.url}/api/whoami", headers={**FETCH, ASKED: said.encode()}, timeout=10)
        assert (answer.status_code, answer.json()["version"], answer.headers[ASKED]) == (200, OLD, OLD), said
    assert [each.cookies.get_dict() for each in (old, visitor, new)] == jars, "no pin has moved"
    assert counted(stack) == before, "nobody has moved, and nobody counts twice"
    who_logs_in_from_an_old_page_is_of_its_version(stack)
    stack.bgctl("route", "disable-blue", "--yes")
    stack.bgctl("promote")
    for each in (old, visitor, new):
        assert [answers(stack, each, version) for version in (OLD, NEW)] == [NEW, NEW], "it has gone"


def who_logs_in_from_an_old_page_is_of_its_version(stack: Stack) -> None:
    browser = stack.visitor()
    assert browser.get(f"{stack.url}/", timeout=10).headers[ASKED] == NEW
    form = {"user": "vera", "email": "vera@example.test"}
    browser.post(f"{stack.url}/login", data=form, headers={**FETCH, ASKED: OLD}, timeout=10)
    claims = jwt.decode(browser.cookies["bg_session"], options={"verify_signature": False})
    assert claims["deploymentVersion"] == OLD
    assert [stack.version_of(browser, **FETCH), answers(stack, browser, NEW)] == [OLD, NEW]


def test_the_script_has_an_old_page_ask_for_its_version(stack):
    """Its session moves on in another tab of the same browser."""
    with chromium() as browser, Tab(browser, stack.url) as tab:
        tab.open().page.evaluate(WATCH)
        stack.bgctl("up-green", NEW)
        stack.bgctl("route", "enable-green")
        other = tab.page.context.new_page()
        other.goto(stack.url)
        with other.expect_navigation():
            other.evaluate(f"import({CLIENT}).then(client => client.reload())")
        assert [each.locator("html").get_attribute("data-version") for each in (tab.page, other)] == [
            OLD,
            NEW,
        ]
        assert [each.evaluate(WHO) for each in (other, tab.page)] == [NEW, OLD]
