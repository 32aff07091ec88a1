"""Releases in a row: a session is where it was left, however many releases ago it logged in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
import requests

from tests.e2e.support.provider import COOKIE, Provider
from tests.e2e.support.stacks import Stack, eventually, running

FIRST, SECOND, THIRD = "1.6.7", "1.6.8", "1.6.9"
LOAD = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
PIN = "bg_pin"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("lineage") / "project", migrate="navigation") as one:
        yield one


@dataclass
class People:
    """Everybody who came, and what each is called; none of them logs out or refreshes."""

    stack: Stack
    provider: Provider
    askers: dict[str, Callable[[], str]] = field(default_factory=dict)

    def come(self, since: str) -> None:
        """One of each kind, as new sessions. A browser without its pin was silent for too long."""
        stack = self.stack
        self.visitor(f"visitor of {since}")
        jar, silent, bearer = (stack.log_in(f"{name}-{since}") for name in ("jar", "silent", "bearer"))
        self.askers[f"jar of {since}"] = lambda: stack.version_of(jar)
        token = bearer.cookies["bg_session"]
        self.askers[f"bearer of {since}"] = lambda: self.with_bearer(token)
        self.askers[f"silent of {since}"] = lambda: self.without_pin(silent)
        claims = jwt.decode(token, options={"verify_signature": False})
        claims = {name: value for name, value in claims.items() if name != "deploymentGeneration"}
        foreign = stack.sign(claims)
        self.askers[f"foreign of {since}"] = lambda: self.with_bearer(foreign)
        self.come_by_the_provider(since)

    def come_by_the_provider(self, since: str) -> None:
        """With each request they show a new token, and none of them says a version."""
        token, browser = self.provider.token, self.stack.visitor()
        browser.get(self.stack.url, headers=LOAD, timeout=10).raise_for_status()

        def browse() -> str:
            browser.cookies.set(COOKIE, token(f"page-{since}", sid=f"session of {since}"))
            return self.stack.version_of(browser)

        self.askers[f"provider's page of {since}"] = browse
        self.askers[f"provider's client of {since}"] = lambda: self.with_bearer(token(f"client-{since}"))
        self.askers[f"provider's client of {since}"]()  # from now on it is known

    def visitor(self, name: str) -> None:
        browser = self.stack.visitor()
        browser.get(self.stack.url, headers=LOAD, timeout=10).raise_for_status()
        assert PIN in browser.cookies
        self.askers[name] = lambda: self.stack.version_of(browser)

    def with_bearer(self, token: str) -> str:
        return self.stack.version_of(requests.Session(), Authorization=f"Bearer {token}")

    def without_pin(self, browser: requests.Session) -> str:
        for cookie in [each for each in browser.cookies if each.name == PIN]:
            browser.cookies.clear(cookie.domain, cookie.path, cookie.name)
        return self.stack.version_of(browser)

    def versions(self) -> dict[str, str]:
        return {name: ask() for name, ask in self.askers.items()}

    def are_all_on(self, version: str, but: dict[str, str] | None = None) -> None:
        """`but`: who is on another one."""
        assert self.versions() == dict.fromkeys(self.askers, version) | (but or {})


@pytest.fixture(scope="module")
def people(site: Stack) -> People:
    return People(site, Provider(site))


def browsing(site: Stack, user: str) -> requests.Session:
    """A browser whose pages the proxy knows from the first one on: its session may move."""
    browser = site.visitor()
    browser.get(site.url, headers=LOAD, timeout=10).raise_for_status()
    form = {"user": user, "email": f"{user}@example.test"}
    browser.post(f"{site.url}/login", data=form, headers=LOAD, timeout=10).raise_for_status()
    return browser


def those_of(people: People, since: str) -> list[str]:
    return [name for name in people.askers if name.endswith(f" of {since}")]


def release(site: Stack, people: People, old: str, new: str) -> None:
    """A release to its end, with sessions on the old version to the last: the deadline moves them."""
    site.bgctl("up-green", new)
    site.bgctl("route", "enable-green")
    people.are_all_on(old)
    people.come(new)
    placed = dict.fromkeys(those_of(people, new), new)
    people.are_all_on(old, placed)
    are_known_by_name(site, old)
    restart(site)
    client = people.askers[f"provider's client of {FIRST}"]
    eventually(lambda: client() == old, "the session API has told the proxy whom it has held")
    people.are_all_on(old, placed)
    site.bgctl("promote", "--deadline", "1ms")
    people.are_all_on(new)


def are_known_by_name(site: Stack, version: str) -> None:
    """Who came first, by the provider, are users of that version."""
    wanted = {f"{who}-{FIRST}" for who in ("page", "client")}

    def named() -> bool:
        return wanted <= {user["userId"] for user in site.census(version=version)["users"]}

    eventually(named, f"{wanted} are users of {version}")


def restart(site: Stack) -> None:
    site.container("proxy").restart(timeout=20)
    site.bgctl("up")


@pytest.mark.threat(64)
def test_64_three_releases_in_a_row_hold_every_session(site: Stack, people: People) -> None:
    people.come(FIRST)
    moved = browsing(site, "moved")
    people.askers["moved of 1.6.7"] = lambda: site.version_of(moved)
    site.bgctl("up-green", SECOND)
    site.bgctl("route", "enable-green")
    people.are_all_on(FIRST)
    assert moved.get(site.url, headers=LOAD, timeout=10).headers["X-Deployment-Version"] == SECOND
    people.are_all_on(FIRST, {"moved of 1.6.7": SECOND})
    site.bgctl("promote", "--deadline", "1ms")
    people.are_all_on(SECOND)

    release(site, people, SECOND, THIRD)
    restart(site)

    # The first version comes again, as the third release: those who logged in on it once are not meant.
    site.bgctl("up-green", FIRST)
    site.bgctl("preview", "--check", "true")
    people.are_all_on(THIRD)
    site.bgctl("route", "canary", "1")
    people.are_all_on(THIRD)
    site.bgctl("route", "enable-green")
    people.are_all_on(THIRD)
    site.bgctl("rollback")
    people.are_all_on(THIRD)


@pytest.mark.threat(65)
def test_65_a_version_that_was_taken_back_comes_again(site: Stack, people: People) -> None:
    at, new = stable_and_next(site)
    people.come("before")
    site.bgctl("up-green", new)
    preview = site.ask("preview")["url"]
    site.bgctl("route", "enable-green")
    people.come("between")
    site.bgctl("rollback")
    people.are_all_on(at)

    site.bgctl("up-green", new)
    site.bgctl("preview", "--check", "true")
    people.are_all_on(at)
    assert requests.get(preview, allow_redirects=False, timeout=10).status_code == 404, "of another candidate"
    site.bgctl("route", "canary", "1")
    people.are_all_on(at)
    site.bgctl("route", "enable-green")
    people.are_all_on(at)
    said = site.bgctl("explain", stdin=taken_back(site)).stdout
    assert f"says {new}, whose sessions went to {at}, which blue serves" in said
    site.bgctl("rollback")


@pytest.mark.threat(65)
def test_65_a_proxy_that_is_behind_serves_those_whom_others_have_given_to_a_candidate(site: Stack) -> None:
    """As on a node whose agent has stopped: it still has the state in which nobody is sent to green."""
    at, new = stable_and_next(site)
    site.bgctl("up-green", new)
    site.bgctl("route", "enable-green")
    site.bgctl("rollback")  # so the candidate's version has been in service before
    site.bgctl("up-green", new)
    behind = state_file(site).read_text()
    site.bgctl("route", "enable-green")
    ahead = state_file(site).read_text()
    user, visitor = site.log_in("ahead"), site.visitor()
    visitor.get(site.url, headers=LOAD, timeout=10).raise_for_status()

    put(site, behind)
    assert [site.version_of(one) for one in (user, visitor)] == [new, new]
    form = {"user": "late", "email": "late@example.test"}
    visitor.post(f"{site.url}/login", data=form, headers=LOAD, timeout=10).raise_for_status()
    claims = jwt.decode(visitor.cookies["bg_session"], options={"verify_signature": False})
    assert (claims["deploymentVersion"], site.version_of(visitor)) == (new, new)
    assert site.version_of(site.visitor()) == at, "newcomers are blue's until the state arrives"

    put(site, ahead)
    assert [site.version_of(one) for one in (user, visitor)] == [new, new]
    site.bgctl("rollback")


def state_file(site: Stack) -> Path:
    return site.directory / "state" / "state.json"


def put(site: Stack, state: str) -> None:
    """The proxy goes by this state. Returns when every worker does."""
    file = state_file(site)
    new = file.with_name("put.json")
    new.write_text(state)
    new.chmod(file.stat().st_mode)
    new.rename(file)
    generation = json.loads(state)["generation"]
    eventually(
        lambda: {worker["generation"] for worker in site.proxy_status()["workers"]} == {generation},
        "every worker has the state",
    )


def stable_and_next(site: Stack) -> tuple[str, str]:
    """The version at rest, which depends on the order of the tests, and one to release."""
    at = site.state()["slots"]["blue"]["version"]
    return at, SECOND if at != SECOND else FIRST


def taken_back(site: Stack) -> str:
    """A token of the candidate that has the same name as green, and was taken back."""
    at = site.state()
    version = at["slots"]["green"]["version"]
    claims = {"sub": "explained", "deploymentVersion": version, "iss": "bgctl"}
    end = next(entry for entry in reversed(at["lineage"]) if entry["from"] == version)
    claims |= {"exp": int(time.time()) + 600, "deploymentGeneration": end["generation"] - 1}
    return site.sign(claims)


@pytest.mark.threat(66)
def test_66_enable_green_after_disable_blue_moves_nobody_back(site: Stack, people: People) -> None:
    at, new = stable_and_next(site)
    site.bgctl("up-green", new)
    site.bgctl("route", "enable-green")
    people.come("during")
    site.bgctl("route", "disable-blue", "--yes")
    people.are_all_on(new)
    site.bgctl("route", "enable-green")
    people.are_all_on(new)
    site.bgctl("rollback")
    people.are_all_on(at)


@pytest.mark.threat(70)
def test_70_a_state_of_the_version_before_is_read_and_rewritten(site: Stack, people: People) -> None:
    at, new = stable_and_next(site)
    path = site.directory / "state" / "state.json"
    first = path.read_text().replace('"schema": 2', '"schema": 1')
    first = first[: first.index(',\n  "lineage"')] + "\n}\n" if '"lineage"' in first else first
    path.with_name("new").write_text(first)
    path.with_name("new").rename(path)
    people.askers.clear()
    people.come("schema 1")
    people.are_all_on(at)
    site.bgctl("up-green", new)
    site.bgctl("route", "enable-green")
    assert site.state()["schema"] == 2
    people.are_all_on(at)
    site.bgctl("rollback")
    people.are_all_on(at)
