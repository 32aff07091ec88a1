"""Real stacks: a project, `bgctl up`, real containers, and a look at the error log at the end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import jwt
import requests
from docker.models.containers import Container

from testbed.labels import labels
from testbed.project import Project

OLD, NEW = "1.6.7", "1.6.8"
# A health check that is cut off with the container it asked, as releases stop some: nginx has no level below.
CUT_OFF = r"recv\(\) failed \(104: Connection reset by peer\), context: ngx\.timer"
PATIENCE = 30.0  # seconds until something that must happen has happened


def eventually(reached: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Polls until `reached()` is true. Fails naming `what` when it never is.

    It asks less and less often: what takes long is not noticed late by that, and each question costs.
    """
    began = time.monotonic()
    while not reached():
        waited = time.monotonic() - began
        assert waited < patience, f"waited {patience:g} s in vain: {what}"
        time.sleep(min(0.1, 0.02 + waited / 50))


class Browser(requests.Session):
    """The first thing that it asks for is a page: then it gets a pin, if the answer may have one."""

    def request(self, method: Any, url: Any, *rest: Any, **options: Any) -> requests.Response:
        headers = options.get("headers") or {}
        if not self.cookies and not {"Accept", "Sec-Fetch-Mode", "Authorization"} & set(headers):
            options["headers"] = {**headers, "Accept": "text/html,*/*;q=0.8"}
        return super().request(method, url, *rest, **options)


def unlabelled(project: Project) -> set[str]:
    """Containers and networks of a project that do not carry the label of this run."""
    everything = ["--quiet", "--filter", f"label=com.docker.compose.project={project.name}"]
    (label,) = labels().items()
    ours = ["--filter", "label={}={}".format(*label)]
    found: set[str] = set()
    for listing in (("ps", "--all"), ("network", "ls")):
        there = project.engine_says(*listing, *everything).split()
        assert there, listing
        found |= set(there) - set(project.engine_says(*listing, *everything, *ours).split())
    return found


class Stack(Project):
    """A running project. `expected` are patterns of error-log lines that a test provokes on purpose."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.expected: list[str] = []
        self._people: list[requests.Session] = []

    def up(self) -> None:
        self.client = docker.from_env()
        self.create()
        self.bgctl("up")

    def container(self, service: str) -> Container:
        """The service's container, through the docker SDK."""
        (only,) = self.containers(service)
        return self.client.containers.get(only)

    def visitor(self) -> requests.Session:
        """A new browser: its own cookies and connections."""
        browser = Browser()
        if self.ca:
            browser.verify = str(self.ca)
            browser.trust_env = False  # REQUESTS_CA_BUNDLE would outrank it
        return browser

    def log_in(self, user: str = "ada") -> requests.Session:
        """A browser of somebody who has just logged in."""
        browser = self.visitor()
        form = {"user": user, "email": f"{user}@example.test"}
        browser.post(f"{self.url}/login", data=form, timeout=10).raise_for_status()
        assert f"{'__Host-' if self.tls else ''}bg_session" in browser.cookies
        self._people.append(browser)
        return browser

    def log_all_out(self) -> None:
        """Who has logged in by `log_in` logs out, with the cookies of now."""
        for browser in self._people:
            cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
            requests.post(f"{self.url}/logout", headers=cookies, timeout=10, allow_redirects=False)
        self._people.clear()

    def sign(self, claims: dict[str, Any]) -> str:
        """A session token that says just this, with the project's own key."""
        (key,) = (self.directory / "keys" / "signing").glob("*.pem")
        return jwt.encode(claims, key.read_text(), "EdDSA", {"kid": key.stem})

    def version_of(self, browser: requests.Session, **headers: str) -> str:
        """The version that answers this browser: the app's own word, which the proxy's header must match."""
        answer = browser.get(f"{self.url}/api/whoami", headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        version: str = answer.json()["version"]
        assert answer.headers["X-Deployment-Version"] == version
        return version

    def wait_looked(self) -> None:
        """Until every worker knows what one of them knows: it is in shared memory, read with each tick."""
        known = time.time()

        def looked() -> bool:
            asked = time.time()
            live = [worker for worker in self.proxy_status()["workers"] if not worker["exiting"]]
            return all(asked - worker["stateAge"] > known for worker in live)

        eventually(looked, "every worker has looked")

    def wait_unlocked(self) -> None:
        """Until no bgctl is in the middle of a change: one that waits for people holds no lock."""
        holder = self.directory / "state" / "holder.json"
        eventually(lambda: json.loads(holder.read_text())["ended"], "bgctl has let go of the lock")

    def start_again(self, slot: str) -> None:
        """Starts a slot's container that a test has stopped. Returns when it answers by itself."""
        self.container(f"frontend-{slot}").start()
        port = getattr(self.ports, slot)

        def answers() -> bool:
            try:
                return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).ok
            except requests.ConnectionError:
                return False

        eventually(answers, f"{slot} answers again")

    def start_of_release(self) -> None:
        """Green is on NEW and takes new sessions; blue drains. Whatever state a test left behind."""
        if self.state()["phase"] == "rest":
            self.bgctl("up-green", NEW)
        self.bgctl("route", "enable-green")

    def settled(self) -> dict[str, Any]:
        """The proxy's status once nothing is open and every worker has told what it counted."""
        asked = time.time()
        status: dict[str, Any] = {}

        def told() -> bool:
            nonlocal status
            now = time.time()
            status = self.proxy_status()
            read = [now - worker["stateAge"] for worker in status["workers"]]
            still = sum(slot["open"] for slot in status["slots"].values())
            return not still and min(read) > asked + 0.01  # clocks of nginx go by milliseconds

        eventually(told, "every worker has told what it counted")
        return status

    def assert_clean_log(self) -> None:
        """No line but those that a test has said it provokes."""
        unexpected = [
            line
            for line in self.error_log()
            if not any(re.search(known, line) for known in [*self.expected, CUT_OFF])
        ]
        assert not unexpected, "\n".join(unexpected)


@contextmanager
def running(directory: Path, kind: type[Stack] = Stack, **settings: object) -> Iterator[Stack]:
    """A stack that is up, and is checked for a clean error log and removed at the end."""
    stack = started(directory, kind, **settings)
    try:
        yield stack
        stack.assert_clean_log()
    finally:
        stack.remove()


def started(directory: Path, kind: type[Stack] = Stack, **settings: object) -> Stack:
    """A stack that is up, for its user to check and to remove."""
    stack = kind(directory, f"bgt{uuid4().hex[:8]}", **settings)
    try:
        stack.up()
    except BaseException:
        stack.remove()
        raise
    return stack
