"""People with a real browser, who use a project all through its releases by its own pages and forms.

One Chromium has a context for each of them. A thread of its own drives it, because what Playwright makes
belongs to the thread that made it: in turn each who is awake loads a page, or sends a form.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

from playwright.sync_api import Browser, Error, Response

from testbed.load.judgement import Session
from testbed.load.serving import Asked
from tests.e2e.support.browsers import chromium
from tests.e2e.support.tabs import Tab
from tests.e2e.support.walkers import Crowd

PACE = 0.2  # seconds between two turns, about
TURN_SECONDS = 20.0
JOB_SECONDS = 90.0


class Surfer:
    """Somebody with a browser. `faults` is all that was wrong: answers, pages, and lines of the console.

    `own_words` finds the version in a page. Each page, and its header, is judged like the answers of a User.
    """

    own_words: re.Pattern[str]
    begins_anew = False  # the page that is shown after a log-out brings another session's cookie

    def __init__(self, tab: Tab, crowd: Crowd, name: str, version: str) -> None:
        self.tab, self.page, self.crowd, self.name, self.first = tab, tab.page, crowd, name, version
        self.session, self.awake, self.pages = Session(), True, 0
        self.flips, self.faults = list[str](), list[str]()
        self._asked: Asked | None = None
        self.page.set_default_timeout(TURN_SECONDS * 1000)
        self.page.on("response", self._answered)

    def log_in(self) -> None:
        raise NotImplementedError

    def use(self) -> None:
        raise NotImplementedError

    def log_out(self) -> None:
        raise NotImplementedError

    def open(self, path: str, expect: str) -> None:
        """Loads a page, which has to say `expect`."""
        self._turn(lambda: self.tab.open(path), path, expect)

    def send(self, button: str, expect: str, **fields: str) -> None:
        """Fills in the form of the page that is open, and sends it by a button: then a page comes."""

        def act() -> None:
            for name, value in fields.items():
                self.page.fill(f"input[name={name}]", value)
            with self.page.expect_navigation(wait_until="load"):
                self.page.click(button)

        self._turn(act, button, expect)

    def _turn(self, act: Callable[[], object], what: str, expect: str) -> None:
        with self.crowd.lock:
            self._asked = self.crowd.serving.asks()
        self.pages += 1
        try:
            act()
            text = self.page.content()
        except Error as error:
            self.faults.append(f"{what}: {error.message}")
            return
        found = self.own_words.search(text)
        if found:
            self._judge(found[1], what)
        if not found or expect not in text:
            self.faults.append(f"{what}: no {expect!r} in {text[-1500:]}")

    def _answered(self, response: Response) -> None:
        """A page. Its files have names of their own build, and may come from the browser's cache."""
        version = response.headers.get("x-deployment-version")
        if version and response.request.is_navigation_request():
            self._judge(version, response.url)

    def _judge(self, version: str, what: str) -> None:
        assert self._asked
        if self.crowd.is_flip(self.session, self.first, version, self._asked):
            self.flips.append(f"{what}: {self.session.version or self.first} was answered by {version}")


class Surfers(threading.Thread):
    """All of them, of one kind. Its methods may be called from any thread, and return when it is done."""

    def __init__(self, kind: type[Surfer], url: str, *arguments: str) -> None:
        super().__init__(name="surfers", daemon=True)
        self.kind, self.url, self.arguments = kind, url, arguments
        self.all: dict[str, Surfer] = {}
        self.gone = 0  # of them, how many have logged out
        self._jobs: queue.Queue[tuple[Callable[[], object], Future[object]] | None] = queue.Queue()

    def run(self) -> None:
        with chromium(*self.arguments) as browser:
            self._browser: Browser = browser
            while True:
                with suppress(queue.Empty):
                    job = self._jobs.get(timeout=PACE)
                    if job is None:
                        return
                    self._do(*job)
                    continue
                self._next_turn()

    def come(self, crowd: Crowd, name: str, version: str) -> None:
        """A new browser, whose user logs in and has to get that version."""

        def arrive() -> None:
            surfer = self.kind(Tab(self._browser, self.url), crowd, name, version)
            surfer.log_in()
            self.all[name] = surfer
            surfer.use()

        self._ask(arrive)

    def go_round(self) -> None:
        """Everybody who is awake has used the project once more."""

        def all_use() -> None:
            for surfer in self._awake():
                surfer.use()

        self._ask(all_use)

    def rest(self, *names: str) -> None:
        """They leave their pages open and do nothing."""

        def pause() -> None:
            for name in names:
                self.all[name].awake = False

        self._ask(pause)

    def wake(self, *names: str) -> None:
        """They go on where they were, and have done something."""

        def go_on() -> None:
            for name in names:
                self.all[name].awake = True
                self.all[name].use()

        self._ask(go_on)

    def log_out(self, *names: str) -> None:
        """They log out, and do nothing any more; their browsers stay as they are."""

        def go() -> None:
            for name in names:
                self.all[name].log_out()
                self.all[name].awake = False
                self.gone += 1

        self._ask(go)

    def on(self, version: str) -> list[str]:
        return [name for name, each in self.all.items() if each.awake and each.session.version == version]

    def versions(self) -> list[str]:
        """Of each who is awake, the version."""
        return [each.session.version or each.first for each in self._awake()]

    def awake(self) -> list[str]:
        return [name for name, each in self.all.items() if each.awake]

    def leave(self) -> None:
        """Closes Chromium."""
        self._jobs.put(None)
        self.join(JOB_SECONDS)

    def check(self) -> None:
        """Nobody has seen another version than their own, a page that is not theirs, or an error."""
        flips = [f"{name}: {line}" for name, each in self.all.items() for line in each.flips]
        faults = [f"{name}: {line}" for name, each in self.all.items() for line in each.faults]
        errors = [f"{name}: {line}" for name, each in self.all.items() for line in each.tab.errors]
        pages = sum(each.pages for each in self.all.values())
        counts = f"flipped={len(flips)} failed={len(faults)} errors={len(errors)} pages={pages}"
        print(f"browsers: {self.kind.__name__} {counts} logged_in={len(self.all)}")
        assert not flips + faults + errors, "\n".join(flips + faults + errors)

    def _awake(self) -> list[Surfer]:
        return [surfer for surfer in self.all.values() if surfer.awake]

    def _next_turn(self) -> None:
        awake = self._awake()
        if awake:
            min(awake, key=lambda surfer: surfer.pages).use()

    def _do(self, job: Callable[[], object], done: Future[object]) -> None:
        try:
            done.set_result(job())
        except BaseException as error:
            done.set_exception(error)

    def _ask(self, job: Callable[[], object]) -> None:
        done: Future[object] = Future()
        self._jobs.put((job, done))
        done.result(JOB_SECONDS)


@contextmanager
def surfing(kind: type[Surfer], url: str, *arguments: str) -> Iterator[Surfers]:
    surfers = Surfers(kind, url, *arguments)
    surfers.start()
    try:
        yield surfers
    finally:
        surfers.leave()
