"""Ordinary projects are adopted while 50 clients use them, again and again, and killed at every step.

`make adoptions` (ROUNDS=20) prints what the clients saw.
"""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.e2e.support.adopting import STEPS, Adoption, SlowReader, redirected, since
from tests.e2e.support.patrons import NoteTaker, Reader, Shopper
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd, User
from tests.e2e.support.walks import Walk, walking

pytestmark = pytest.mark.timeout(7200)

ROUNDS = int(os.environ.get("ROUNDS") or 1)
CLIENTS = 50
PACE = 0.6  # seconds between two requests of a client
LIMIT = "20s"  # for what is in use for ever: connections of scripts that ask again and again
LARGE = 20  # megabytes: more than all buffers on the way hold
FILL = "redis.call('rpush', KEYS[1], string.rep('x', 1000000)); redis.call('ltrim', KEYS[1], -20, -1)"


class Adopted:
    """One of the projects. Who has logged in once stays it, over all rounds."""

    def __init__(
        self,
        walk: Walk,
        service: str,
        kind: type[User],
        version: str,
        healthy: Callable[[], bool],
        download: Callable[[], SlowReader] | None = None,
    ) -> None:
        """`service` is the one that people come to, `download` begins one, where the app has any."""
        self.walk, self.service, self.version, self.healthy = walk, service, version, healthy
        self.download = download
        self.known: dict[str, requests.Session] = {}
        known = self.known

        class Regular(kind):  # type: ignore[valid-type,misc]
            def log_in(self) -> None:
                if self.name in known:
                    self.http = known[self.name]
                    return self.come_back()
                super().log_in()
                known[self.name] = self.http
                return None

        self.kind = Regular

    def crowd(self, size: int = CLIENTS) -> Crowd:
        crowd = Crowd(self.walk.url, self.version, self.kind, size)
        crowd.pace, crowd.direct = PACE, True
        return crowd

    def log_in_once(self) -> None:
        """All with one log-in: to check 50 passwords at once takes two cores a minute."""
        with self.crowd(0) as crowd:
            first = self.kind(crowd, "first", self.version)
            first.log_in()
        for number in range(CLIENTS):
            http = self.known[f"user{number + 1}"] = requests.Session()
            http.headers.update(first.http.headers)
            http.cookies.update(first.http.cookies)

    def others(self) -> list[tuple[str, str]]:
        """What no adoption may touch: the containers of databases, and since when they run."""
        return [since(self.walk, name) for name in ("redis", "db") if self.walk.containers(name)]

    def again(self) -> None:
        """The documented way back; then nothing of bgctl is left but its settings and keys."""
        self.walk.bgctl("down", "--yes")
        for folder in ("state", "proxy", "data"):
            shutil.rmtree(self.walk.directory / folder, ignore_errors=True)
        self.walk.compose("up", "-d")
        eventually(self.healthy, "it runs by plain compose again", 60)

    def adopted(self) -> tuple[int, int, float]:
        """One round: requests, those sent again as browsers do, and the seconds of the adoption."""
        before = self.others()
        with self.crowd() as crowd:
            reader = self.download() if self.download else None
            start = time.monotonic()
            adoption = Adoption(self.walk, "--deadline", LIMIT)
            adoption.reaches("redirect")
            if reader:
                assert reader.whole(), "a download that was open"
            adoption.ends()
            seconds = time.monotonic() - start
            time.sleep(PACE * 2)  # everybody has asked once more
        tally = crowd.tally()
        assert (tally.failed, tally.flipped) == (0, 0), tally
        assert self.others() == before
        assert redirected(self.walk.name) == []
        return tally.requests, tally.resent, seconds

    def rounds(self) -> None:
        seen = []
        for _ in range(ROUNDS):
            if not self.walk.containers(self.service):
                self.again()
            seen.append(self.adopted())
        requests, resent, seconds = zip(*seen, strict=True)
        median = statistics.median(seconds)
        counts = f"requests={sum(requests)} failed=0 resent={sum(resent)}"
        print(f"adoptions: {self.walk.kind} rounds={len(seen)} {counts} seconds={median:.1f} (median)")

    def killed(self, step: str, back: bool) -> None:
        """People are served; the next command goes on with it, or takes it back."""
        if not self.walk.containers(self.service):
            self.again()
        with self.crowd() as crowd:
            adoption = Adoption(self.walk, "--deadline", "2s")
            adoption.reaches(step)
            adoption.kill()
            assert self.healthy()
            self.walk.bgctl("adopt", *(["--back"] if back else ["--deadline", "2s"]))
            assert self.healthy()
        tally = crowd.tally()
        assert (tally.failed, tally.flipped) == (0, 0), tally
        assert redirected(self.walk.name) == []
        assert (self.walk.containers(self.service) == []) != back


@contextmanager
def flaskshop(folder: Path) -> Iterator[Adopted]:
    with walking(folder, "flaskshop", 18000) as walk:
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/health"), "the shop is open")
        walk.init("1")
        buyer = requests.Session()
        buyer.post(f"{walk.url}/login", data={"user": "buyer"}, timeout=10).raise_for_status()
        cookie = {"Cookie": f"session={buyer.cookies['session']}"}

        def download() -> SlowReader:
            (redis,) = walk.containers("redis")
            for _ in range(LARGE):
                walk.engine_says("exec", redis, "redis-cli", "eval", FILL, "1", "cart:buyer")
            return SlowReader(walk.public, "/", cookie)

        yield Adopted(walk, "web", Shopper, "1", lambda: walk.answers("/health"), download)


@contextmanager
def notes(folder: Path) -> Iterator[Adopted]:
    with walking(folder, "notes", 18100) as walk:
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/health"), "the app answers")
        walk.init("1.0.0")
        (walk.directory / "jwt.secret").write_text("my-super-secret-jwt-key")
        secret = ("--import-secret-file", str(walk.directory / "jwt.secret"))
        walk.bgctl("keys", "init", *secret, "--allow-short-secret")
        who = {"email": "writer@example.test", "password": "secret"}
        token = requests.post(f"{walk.url}/api/auth/login", json=who, timeout=10).json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}

        def download() -> SlowReader:
            """Notes are in the memory of the process that took them: each round has a new one."""
            note = {"text": "x" * 90_000}
            with requests.Session() as http:
                for _ in range(LARGE * 12):
                    http.post(f"{walk.url}/api/notes", json=note, headers=bearer, timeout=10)
            return SlowReader(walk.public, "/api/notes", bearer)

        yield Adopted(walk, "api", NoteTaker, "1.0.0", lambda: walk.answers("/health"), download)


class Fronted(Reader):
    """Behind something that ends TLS, which says so."""

    headers = {**Reader.headers, "X-Forwarded-Proto": "https"}  # noqa: RUF012 - a constant


@contextmanager
def blog(folder: Path) -> Iterator[Adopted]:
    https = {"Host": "blog.example", "X-Forwarded-Proto": "https"}
    with walking(folder, "blog", 18200) as walk:
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/", **https), "the blog is there")
        make_user = f"from django.contrib.auth.models import User; User.objects.create_user('{Reader.user}', "
        make_user += f"password='{Reader.password}')"
        walk.compose("exec", "-T", "web", "python3", "manage.py", "shell", "-c", make_user)
        walk.init("1", "--domain", "blog.example")
        one = Adopted(walk, "web", Fronted, "1", lambda: walk.answers("/", **https))
        one.log_in_once()
        yield one


@pytest.fixture(scope="module", params=[flaskshop, notes, blog], ids=lambda kind: kind.__name__)
def adopted(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("adopted")) as one:
        yield one


def test_nobody_notices_that_it_is_adopted(adopted):
    adopted.rounds()


@pytest.mark.parametrize("step", STEPS[:-1])
def test_killed_at_any_step_people_are_served_and_it_goes_on(adopted, step):
    adopted.killed(step, back=False)


@pytest.mark.parametrize("step", STEPS[:-4])
def test_killed_before_the_old_ones_are_stopped_it_can_be_taken_back(adopted, step):
    adopted.killed(step, back=True)
