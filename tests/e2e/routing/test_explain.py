"""What `bgctl explain` says is what the real proxy does; and so do the examples of docs/routing.md."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests

from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

DOCS = Path(__file__).parents[3] / "docs" / "routing.md"
LOAD = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}


class People:
    """A release under way, and browsers of every kind, by what they have in their cookies."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        stack.bgctl("up-green", NEW)
        self.link = stack.ask("preview", "--url", "https://shop.example")["url"]
        self.preview = self.link.partition("token=")[2].partition("&")[0]
        self.old, self.visitor, self.moved = self._arrive("olga"), self._arrive(None), self._arrive("mona")
        self.tab = self._arrive("tom")
        self.tab.get(f"{stack.url}/log", headers=LOAD, timeout=10)
        stack.bgctl("route", "enable-green")
        for browser in (self.moved, self.tab):
            assert (
                browser.get(f"{stack.url}/", headers=LOAD, timeout=10).headers["X-Deployment-Version"] == NEW
            )
        self.new = self._arrive("nina")
        self.expired = self.sign(exp=1_768_471_200)
        self.gone = self.sign(deploymentVersion="1.0.0")

    def _arrive(self, user: str | None) -> requests.Session:
        browser = self.stack.visitor()
        browser.get(f"{self.stack.url}/", headers=LOAD, timeout=10)
        if user:
            form = {"user": user, "email": f"{user}@example.test"}
            browser.post(f"{self.stack.url}/login", data=form, headers=LOAD, timeout=10).raise_for_status()
        browser.get(f"{self.stack.url}/", headers=LOAD, timeout=10)
        return browser

    def sign(self, **changes: object) -> str:
        """Signed as the session API does it."""
        keys = self.stack.directory / "keys"
        kid = next((keys / "signing").glob("*.pem")).stem
        now = int(time.time())
        claims = {"userId": "eve", "sid": "E" * 22, "deploymentVersion": OLD, "iss": "bgctl", "iat": now}
        key = (keys / "signing" / f"{kid}.pem").read_text()
        return jwt.encode({**claims, "exp": now + 600, **changes}, key, "EdDSA", {"kid": kid})


def cookies(browser: requests.Session) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in browser.cookies)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with running(tmp_path_factory.mktemp("explain") / "project", migrate="navigation") as one:
        yield People(one)


def ask(people: People, path: str, headers: dict[str, str]) -> dict[str, object]:
    asked = {
        "method": "GET",
        "path": path,
        "host": f"127.0.0.1:{people.stack.ports.proxy}",
        "headers": headers,
    }
    said: dict[str, object] = requests.post(
        f"{people.stack.control_url}/explain", json=asked, timeout=10
    ).json()
    return said


def decisions(people: People) -> dict[str, int]:
    text = requests.get(f"{people.stack.control_url}/metrics", timeout=10).text
    found = re.findall(r'bgctl_decisions_total\{slot="(\w+)",reason="(\w+)"\} (\d+)', text)
    return {f"{slot} {rule}": int(count) for slot, rule, count in found}


def test_explain_says_what_the_proxy_does(people):
    """Cookies, bearer tokens, previews, pages, page loads and paths, each with each."""
    jars = {
        "nobody": "",
        "old": cookies(people.old),
        "visitor": cookies(people.visitor),
        "moved": cookies(people.moved),
        "tab": cookies(people.tab),
        "new": cookies(people.new),
        "gone": f"bg_session={people.gone}",
        "bad": f"bg_session={people.expired}; bg_pin=x.y.z",
        "previewed": f"{cookies(people.old)}; bg_preview={people.preview}",
    }
    bearers = {"none": {}, "old": {"Authorization": f"Bearer {people.old.cookies['bg_session']}"}}
    kinds = {
        "fetch": FETCH,
        "load": LOAD,
        "of a page": {**FETCH, "Referer": f"{people.stack.url}/log"},
        "update": {**LOAD, "Referer": f"{people.stack.url}/log"},
    }
    expected: dict[str, int] = {}
    people.stack.settled()
    before = decisions(people)
    for jar, bearer, kind, path in itertools.product(
        jars, bearers, kinds, ("/api/whoami", "/api/deployment/session")
    ):
        headers = {**kinds[kind], **bearers[bearer], **({"Cookie": jars[jar]} if jars[jar] else {})}
        said = ask(people, path, headers)
        answer = requests.get(people.stack.url + path, headers=headers, timeout=10)
        case = (jar, bearer, kind, path, said)
        assert answer.headers["X-Deployment-Version"] == said["version"], case
        assert ("bg_pin=" in answer.headers.get("Set-Cookie", "")) == (said["pin"] is not None), case
        name = f"{said['slot']} {said['reason']}"
        expected[name] = expected.get(name, 0) + 1
    assert {name.split()[1] for name in expected} >= {
        *("preview", "page", "moved", "token", "pin", "new", "retired", "migrated")
    }

    def counted() -> dict[str, int]:
        after = decisions(people)
        return {
            name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)
        }

    eventually(lambda: counted() == expected, "the proxy has counted the same rules, and explain none")


def test_asking_is_not_activity(people):
    """Who is only asked about is nobody, also once a later request of somebody else has been reported."""
    ghost = people.sign(userId="ghost", sid="G" * 22)
    for _ in range(20):
        ask(people, "/", {"Authorization": f"Bearer {ghost}"})
    real = people.sign(userId="real", sid="R" * 22)
    people.stack.version_of(people.stack.visitor(), Authorization=f"Bearer {real}")

    def users() -> set[str]:
        pages = (people.stack.census(limit=1000, version=version) for version in (OLD, NEW))
        return {each["userId"] for page in pages for each in page["users"]}

    eventually(lambda: "real" in users(), "the request is reported")
    assert "ghost" not in users()


def files(people: People) -> dict[str, str]:
    """What the examples read."""
    url = people.stack.url
    jar = "\n".join(
        f"#HttpOnly_shop.example\tFALSE\t/\tFALSE\t0\t{each.name}\t{each.value}"
        for each in people.visitor.cookies
    )
    return {
        "token.txt": people.old.cookies["bg_session"],
        "expired.txt": f"Authorization: Bearer {people.expired}\n",
        "jar.txt": f"# Netscape HTTP Cookie File\n\n{jar}\n",
        "curl.txt": f"curl '{url}/api/log' \\\n  -H 'Accept: */*' \\\n  -b '{cookies(people.tab)}' \\\n"
        f"  -H 'Referer: {url}/log' \\\n  -H 'Sec-Fetch-Mode: cors' --compressed\n",
        "preview.txt": f"Cookie: {cookies(people.old)}; bg_preview={people.preview}\n",
    }


EXAMPLE = re.compile(r"^```console\n\$ bgctl (explain[^\n<]*) < (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_documentation(people):
    found = EXAMPLE.findall(DOCS.read_text())
    assert {name for _, name, _ in found} == set(files(people))
    for command, name, expected in found:
        said = people.stack.bgctl(*command.split(), stdin=files(people)[name]).stdout
        assert [line.rstrip() for line in said.splitlines()] == expected.splitlines(), f"{command} < {name}"


@pytest.mark.parametrize("text", ["", "hello world", "{}", "<html></html>", "curl", "curl -s", "a,b"])
def test_what_cannot_be_explained_is_refused_with_what_can(people, text):
    said = people.stack.bgctl("explain", code=3, stdin=text).stderr
    assert "a cookie jar of curl with --url" in said


def test_no_token_is_echoed(people):
    for text in files(people).values():
        said = people.stack.bgctl("explain", "--url", "http://shop.example/", "--json", stdin=text).stdout
        assert not re.search(r"eyJ|[\w-]{40}", said)
