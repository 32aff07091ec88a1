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
assets = {"/assets/" = "slot:/app/dist/assets"}
assets_room = "8m"
accel = {"/inner/" = "slot:/app/dist"}"""

    def get(self, path: str, method: str = "GET", **headers: str) -> requests.Response:
        return requests.request(
            method, self.url + path, headers={"Accept-Encoding": "identity"} | headers, timeout=30
        )

    def names(self, version: str) -> dict[str, str]:
        """The files of a version by their stems and kinds."""
        kept = json.loads((self.directory / "files/web" / version / ".kept.json").read_bytes())
        return {re.sub(r"-[0-9a-f]{8}", "", path): path for path in kept["files"]}

    def built(self, name: str) -> str:
        """The path of a file of green's build, by its stem and kind."""
        listed = self.container("web-green").exec_run(["ls", "/app/dist/assets"]).output.decode().split()
        (file,) = [each for each in listed if re.sub(r"-[0-9a-f]{8}", "", each) == name]
        return f"/assets/{file}"

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
        kept = tabs.get(tabs.names("1")["/assets/late.js"], Accept="text/html")
        assert (kept.status_code, kept.headers.get("Set-Cookie")) == (200, None)
        after_both_have_gone(tabs)
        asleep.page.click("button")
        asleep.page.wait_for_selector("#said:text('late of 1')")
        assert asleep.errors == []
        with Tab(browser, tabs.url) as awake:
            awake.open().page.click("button")
            awake.page.wait_for_selector("#said:text('late of 3')")
            assert awake.errors == []
    both_answer_with_their_page(tabs)
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
        is_the_page_of("3", tabs.get(missing, **pin))
    for path in (
        "%2e%2e/.kept.json",
        "..%2f.kept.json",
        "%2e%2e/%2e%2e/kept.json",
        "sub%2f..%2f..%2fkept.json",
    ):
        assert "files" not in tabs.get(f"/assets/{path}", **pin).text
    assert tabs.get("/assets/members.js", **pin).status_code == 403


def is_the_page_of(version: str, answer: requests.Response) -> None:
    """What none has is answered by the session's own version, as if the setting were not there."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"<p id=release>release {version}</p>" in answer.text
    assert answer.headers["X-Deployment-Version"] == version


def both_answer_with_their_page(tabs: Tabs) -> None:
    """The third and the fourth version are served. The fourth has a file that is too large to be kept."""
    third, gone = {"Cookie": tabs.new_pin()}, tabs.names("2")["/assets/late.js"]
    (tabs.directory / "huge").touch()
    tabs.bring("4")
    assert not (tabs.directory / "files/web/4/assets").exists()
    fourth, huge = {"Cookie": tabs.new_pin()}, tabs.built("huge.js")
    late = tabs.names("3")["/assets/late.js"]
    for pin, path, version in ((fourth, late, "3"), (third, late, "3"), (third, tabs.built("late.js"), "4")):
        is_sent_whole_and_in_part(tabs, path, version, pin)
        is_sent_whole_and_in_part(tabs, path + "?v=1&x=%2e%2e/", version, pin)
        is_sent_whole_and_in_part(tabs, path.replace("-", "%2D"), version, pin)
    for pin in (third, fourth):
        found = tabs.get(huge, **pin)
        assert (found.headers["X-Deployment-Version"], len(found.content)) == ("4", 16_000_000)
        assert tabs.get(gone, **pin).headers["X-Deployment-Version"] == "2"
    for path in ("none.js", "none.js?late.js", "%2e%2e/none.js", "sub%2f..%2f..%2frelease.txt", ".secret.js"):
        is_the_page_of("3", tabs.get(f"/assets/{path}", **third))
        is_the_page_of("4", tabs.get(f"/assets/{path}", **fourth))
    one_of_them_is_down(tabs, third, late, huge)
    tabs.finish()


def is_sent_whole_and_in_part(tabs: Tabs, path: str, version: str, pin: dict[str, str]) -> None:
    found = tabs.get(path, **pin)
    sent = {
        name: found.headers.get(name) for name in ("X-Deployment-Version", "Cache-Control", "Content-Type")
    }
    assert list(sent.values()) == [version, FOREVER, "text/javascript; charset=utf-8"], path
    head = tabs.get(path, "HEAD", **pin)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(found.content)))
    part = tabs.get(path, Range="bytes=7-11", **pin)
    assert (part.status_code, part.text, part.headers["X-Deployment-Version"]) == (206, "const", version)
    known = tabs.get(path, **{"If-None-Match": found.headers["ETag"]}, **pin)
    assert (known.status_code, known.headers["Cache-Control"]) == (304, FOREVER)
    packed = tabs.get(path, **{"Accept-Encoding": "gzip"}, **pin)
    assert (packed.headers["Content-Encoding"], packed.text) == ("gzip", found.text)
    assert "Accept-Encoding" in packed.headers["Vary"]


def one_of_them_is_down(tabs: Tabs, third: dict[str, str], late: str, huge: str) -> None:
    """What it had is sent by bgctl's copy, and what the other one has by that."""
    tabs.expected += [r"connect\(\) failed", r"blue is (down|up again): "]
    tabs.container("web-blue").stop(timeout=5)
    up = lambda: tabs.proxy_status()["slots"]["blue"]["health"]["up"]  # noqa: E731
    eventually(lambda: up() is False, "the proxy knows that blue is down")
    tabs.wait_looked()
    for path, version in ((late, "3"), (huge, "4"), (tabs.built("late.js"), "4")):
        found = tabs.get(path, **third)
        assert (found.status_code, found.headers["X-Deployment-Version"]) == (200, version)
        assert found.headers["Content-Type"].startswith("text/javascript")
    is_the_page_of("4", tabs.get("/assets/none.js", **third))
    tabs.container("web-blue").start()
    eventually(lambda: up() is True, "it is up again")


def what_there_is_no_room_for_goes(tabs: Tabs) -> None:
    path = tabs.directory / "bgctl.toml"
    before = path.read_text()
    path.write_text(before.replace("assets = {", "assets_keep = 1\nassets = {"))
    late = tabs.names("1")["/assets/late.js"]
    said = tabs.bgctl("prune", "--dry-run").stdout
    assert re.search(r"1 +files +web +would be removed", said), said
    assert tabs.get(late).status_code == 200
    tabs.bgctl("prune")
    kept = [(tabs.directory / "files/web" / each / "assets").exists() for each in "1234"]
    assert kept == [False, False, True, False]

    # Until a worker has read anew what is kept, it finds that the file is not there, and says 404.
    found: list[requests.Response] = []

    def is_the_apps() -> bool:
        found.append(tabs.get(late))
        return "release 4" in found[-1].text

    eventually(is_the_apps, "the proxy knows that it has gone: the app answers")
    is_the_page_of("4", found[-1])
