"""Files for which old pages ask late: of the other slot, and of versions that have gone. In Chromium, too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.support.browsers import chromium
from tests.e2e.support.cases import Case
from tests.e2e.support.stacks import eventually, running
from tests.e2e.support.tabs import Tab

FOREVER = "public, max-age=31536000, immutable"


class Tabs(Case):
    """tests/cases/projects/tabs. Its third version answers with its page for what it has not got."""

    kind = "tabs"
    own = """port = 8000
health = "/health"
assets = {"/assets/" = "slot:/app/dist/assets"}"""

    def get(self, path: str, method: str = "GET", **headers: str) -> requests.Response:
        return requests.request(
            method, self.url + path, headers={"Accept-Encoding": "identity"} | headers, timeout=30
        )

    def names(self, version: str) -> dict[str, str]:
        """The files of a version by their stems and kinds."""
        kept = json.loads((self.directory / "files/web" / version / ".kept.json").read_bytes())
        return {re.sub(r"-[0-9a-f]{8}", "", path): path for path in kept["files"]}

    def new_pin(self) -> str:
        page = self.get("/", Accept="text/html")
        return "; ".join(f"{name}={value}" for name, value in page.cookies.items())

    def bring(self, version: str) -> None:
        self.develop(version)
        self.bgctl("up-green", version)
        self.bgctl("route", "enable-green")

    def finish(self) -> None:
        """Nobody is waited for: it is about those who have asked for nothing meanwhile."""
        self.bgctl("route", "disable-blue", "--yes")
        self.bgctl("promote")


@pytest.fixture(scope="module")
def tabs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tabs]:
    with running(tmp_path_factory.mktemp("assets") / "project", Tabs) as one:
        assert isinstance(one, Tabs)
        yield one


def test_a_tab_that_slept_through_two_releases_finds_its_files(tabs):
    with chromium() as browser, Tab(browser, tabs.url) as asleep:
        asleep.open().page.wait_for_selector("#said:text('main of 1')")
        only_what_everybody_gets_is_kept(tabs)
        first = {"Cookie": tabs.new_pin()}
        tabs.bring("2")
        while_both_are_served(tabs, first)
        tabs.finish()
        (tabs.directory / "fallback").touch()
        tabs.bring("3")
        tabs.finish()
        assert not tabs.get("/assets/nothing.js", Accept="text/html").headers.get("Set-Cookie")
        after_both_have_gone(tabs)
        asleep.page.click("button")
        asleep.page.wait_for_selector("#said:text('late of 1')")
        assert asleep.errors == []
        with Tab(browser, tabs.url) as awake:
            awake.open().page.click("button")
            awake.page.wait_for_selector("#said:text('late of 3')")
            assert awake.errors == []
    what_there_is_no_room_for_goes(tabs)


def only_what_everybody_gets_is_kept(tabs: Tabs) -> None:
    there = {path.name for path in (tabs.directory / "files/web/1/assets").iterdir()}
    assert there == {name.rpartition("/")[2] for name in tabs.names("1").values()}
    assert not there & {"members.js", ".secret.js", "out.js"}
    assert len(there) == 4


def while_both_are_served(tabs: Tabs, first: dict[str, str]) -> None:
    old, new, second = tabs.names("1"), tabs.names("2"), {"Cookie": tabs.new_pin()}
    for pin, path, version in (
        (first, old["/assets/late.js"], "1"),
        (second, old["/assets/late.js"], "1"),
        (first, new["/assets/late.js"], "2"),
        (first, "/assets/logo.svg", "1"),
        (second, "/assets/logo.svg", "2"),
    ):
        found = tabs.get(path, **pin)
        assert (found.status_code, found.headers["X-Deployment-Version"]) == (200, version), path
        assert f"{version}" in found.text
        head = tabs.get(path, "HEAD", **pin)
        assert head.headers["Content-Length"] == found.headers["Content-Length"]
    tabs.settled()
    text = requests.get(f"{tabs.control_url}/metrics", timeout=10).text
    failed = re.findall(r"(?m)^bgctl_failovers_total\{.*\} (\S+)$", text)
    assert not any(map(float, failed)), "to lack a file is no failure"
    assert tabs.get("/assets/none.js", **second).status_code == 404
    posted = tabs.get(old["/assets/late.js"], "POST", **second)
    assert (posted.status_code, posted.text) == (404, "nothing to post to")
    assert posted.headers["X-Deployment-Version"] == "2"
    broken = tabs.get("/assets/broken.js", **second)
    assert (broken.status_code, broken.text) == (500, "the app's own words")
    assert tabs.get("/assets/members.js", **second).status_code == 403
    assert tabs.get("/other", **second).status_code == 200


def after_both_have_gone(tabs: Tabs) -> None:
    """The version that is served now answers with its page for what it has not got."""
    path, pin = tabs.names("1")["/assets/late.js"], {"Cookie": tabs.new_pin()}
    found = tabs.get(path, **pin)
    assert (found.status_code, found.headers["X-Deployment-Version"]) == (200, "1")
    assert found.headers["Cache-Control"] == FOREVER
    assert found.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "late of 1" in found.text
    assert "Set-Cookie" not in found.headers
    part = tabs.get(path, Range="bytes=7-11", **pin)
    assert (part.status_code, part.text) == (206, "const")
    again = tabs.get(path, **{"If-None-Match": found.headers["ETag"]}, **pin)
    assert (again.status_code, again.headers["Cache-Control"]) == (304, FOREVER)
    assert (
        tabs.get(path, "HEAD", **pin).headers["Content-Length"]
        == part.headers["Content-Range"].rpartition("/")[2]
    )
    assert tabs.get("/assets/logo.svg", **pin).headers["X-Deployment-Version"] == "3"
    assert "late of 2" in tabs.get(tabs.names("2")["/assets/late.js"], **pin).text
    for missing in (
        "/assets/none.js",
        "/assets/.secret.js",
        "/assets/out.js",
        "/assets/.kept.json",
        "/assets/../assets/none.js",
    ):
        gone = tabs.get(missing, **pin)
        assert gone.status_code == 404, missing
    for path in (
        "%2e%2e/.kept.json",
        "..%2f.kept.json",
        "%2e%2e/%2e%2e/kept.json",
        "sub%2f..%2f..%2fkept.json",
    ):
        assert "files" not in tabs.get(f"/assets/{path}", **pin).text
    assert tabs.get("/assets/members.js", **pin).status_code == 403


def what_there_is_no_room_for_goes(tabs: Tabs) -> None:
    path = tabs.directory / "bgctl.toml"
    before = path.read_text()
    path.write_text(before.replace("assets = {", "assets_keep = 1\nassets = {"))
    late = tabs.names("1")["/assets/late.js"]
    said = tabs.bgctl("prune", "--dry-run").stdout
    assert re.search(r"1 +files +web +would be removed", said), said
    assert tabs.get(late).status_code == 200
    tabs.bgctl("prune")
    assert not (tabs.directory / "files/web/1").exists()
    assert (tabs.directory / "files/web/2").exists()
    eventually(lambda: tabs.get(late).status_code == 404, "the proxy knows that it has gone")
