"""People who use an ordinary project through its proxy, by what its own pages and answers say.

Each stays logged in, and asks on and on. An answer counts as failed when it is none, or not what that user
has to get. It counts as flipped when another version gave it than the one that has this user, in the words of
the proxy's header or of the page itself.
"""

from __future__ import annotations

import random
import re
import threading
from typing import Any

import requests

from testbed.load.judgement import Session, Verdict
from testbed.load.serving import Asked, Serving
from testbed.load.tally import Recorder, Tally

PACE = 0.25  # seconds between two requests of one user, about
ANSWER_SECONDS = 15.0


class Crowd:
    """All who are there, what is served meanwhile, and what they have seen.

    `direct`: they ask the app itself, as before bgctl came.
    """

    direct = False

    def __init__(self, url: str, served: str, kind: type[User], size: int) -> None:
        self.url, self.kind, self.size = url, kind, size
        self.serving, self.recorder = Serving({served}), Recorder()
        self.pace = PACE
        self.lock = threading.Lock()  # judgement and tally are made for one thread
        self.users: list[User] = []
        self._number = 0

    def __enter__(self) -> Crowd:
        self.recorder.begin()
        self.come(self.size, *self.serving.versions)
        return self

    def __exit__(self, *_: object) -> None:
        for user in self.users:
            user.leaving.set()
        for user in self.users:
            user.join(ANSWER_SECONDS * 2)
        self.recorder.end()

    def come(self, number: int, version: str) -> None:
        """New users, who have to get that version. Returns when all are logged in."""
        new = []
        for _ in range(number):
            self._number += 1
            new.append(self.kind(self, f"user{self._number}", version))
        for user in new:
            user.start()
        self.users += new
        for user in new:
            assert user.arrived.wait(ANSWER_SECONDS), f"{user.name} was not logged in: {self.tally()}"

    def released(self, *versions: str) -> None:
        """These are served from now on; to be said before a command that adds one, or takes one away."""
        with self.lock:
            self.serving.change(versions)

    def settled(self) -> None:
        """The command has returned: who asks from now on gets no answer of a version that has ended."""
        with self.lock:
            self.serving.settle()

    def is_flip(self, session: Session, first: str, version: str, asked: Asked) -> bool:
        """Whether an answer by `version` is not the session's. `first`: what a newcomer has to get."""
        with self.lock:
            newcomer = session.place is None
            verdict = session.judge(version, asked)
            return verdict is Verdict.FLIPPED or (newcomer and version != first)

    def on(self, version: str) -> list[User]:
        with self.lock:
            return [one for one in self.users if one.is_alive() and one.session.version == version]

    def change_guard(self, old: str, new: str) -> None:
        """Those of the old version close their browsers one by one, and as many others come."""
        for user in self.on(old):
            user.leaving.set()
            user.join(ANSWER_SECONDS)
            self.come(1, new)

    def tally(self) -> Tally:
        with self.lock:
            here: dict[str, int] = {}
            for user in self.users:
                if user.is_alive() and (version := user.session.version):
                    here[version] = here.get(version, 0) + 1
            return self.recorder.tally(here, {})


class User(threading.Thread):
    """`own_words` finds the version in a body; `headers` go with each request."""

    own_words: re.Pattern[str]
    headers: dict[str, str] = {}  # noqa: RUF012 - a constant of each kind of user

    def __init__(self, crowd: Crowd, name: str, version: str) -> None:
        super().__init__(name=name, daemon=True)
        self.crowd, self.first = crowd, version
        self.session = Session()
        self.http = requests.Session()
        self.http.headers.update({"Accept": "text/html,*/*;q=0.8", **self.headers})
        self.arrived, self.leaving = threading.Event(), threading.Event()

    def run(self) -> None:
        with self.http:
            self.log_in()
            self.arrived.set()
            while not self.leaving.wait(self.crowd.pace * random.uniform(0.5, 1.5)):
                self.use()
            self.log_out()
        self.log_off()

    def log_in(self) -> None:
        raise NotImplementedError

    def use(self) -> None:
        raise NotImplementedError

    def log_out(self) -> None:
        """In the app, where it has that; else the session ends by itself."""

    def log_off(self) -> None:
        """Closes the browser: whatever is open in it ends."""

    def come_back(self) -> None:
        """Once more, with the cookies of before, after having left."""
        self.use()

    def ask(self, method: str, path: str, expect: str = "", **options: Any) -> str:
        """The body; empty when the request has failed, which is counted. `expect`: what has to be in it."""
        with self.crowd.lock:
            asked = self.crowd.serving.asks()
            self.crowd.recorder.requests += 1
        headers = {**options.pop("headers", {}), **self.cookies()}
        options |= {"headers": headers, "timeout": ANSWER_SECONDS, "allow_redirects": False}
        try:
            answer = self._ask_again(method, path, options)
        except requests.RequestException as error:
            self.fail(method, path, f"{type(error).__name__}: {error}")
            return ""
        named = answer.headers.get("X-Deployment-Version") or (self.first if self.crowd.direct else "")
        said = [named, *self.own_words.findall(answer.text)[:1]]
        self.judge(said, asked, method, path)
        if not 200 <= answer.status_code < 400:
            self.fail(method, path, f"{answer.status_code} {answer.text[:200]}")
            return ""
        if expect not in answer.text:
            self.fail(method, path, f"no {expect!r} in {answer.text[:300]}")
            return ""
        with self.crowd.lock:
            self.crowd.recorder.success(said[0])
        return answer.text

    def judge(self, said: list[str], asked: Asked, method: str, path: str) -> None:
        """Whether these versions, all of one answer, are the one that this user has a right to."""
        if any(self.crowd.is_flip(self.session, self.first, version, asked) for version in said):
            with self.crowd.lock:
                self.crowd.recorder.flipped += 1
                self._note(method, path, f"{self.session.version or self.first} was answered by {said}")

    def _ask_again(self, method: str, path: str, options: dict[str, Any]) -> requests.Response:
        """Sends a second time what met the end of an idle connection, as browsers do (RFC 9112, 9.3.1).

        A connection that was new and failed is a failure.
        """
        url = self.crowd.url + path
        pool = self.http.get_adapter(url).poolmanager.connection_from_url(url)  # type: ignore[attr-defined]
        opened = pool.num_connections
        try:
            return self.http.request(method, url, **options)
        except requests.ConnectionError:
            if pool.num_connections != opened:
                raise
        with self.crowd.lock:
            self.crowd.recorder.resent += 1
        return self.http.request(method, url, **options)

    def cookies(self) -> dict[str, str]:
        """The header with all cookies, also the secure ones: TLS ends in front of the proxy, not here."""
        kept = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies)
        return {"Cookie": kept} if kept else {}

    def fail(self, method: str, path: str, what: str) -> None:
        with self.crowd.lock:
            self.crowd.recorder.failed += 1
            self._note(method, path, what)

    def _note(self, method: str, path: str, what: str) -> None:
        self.crowd.recorder.note(self.name, method, path, what)
