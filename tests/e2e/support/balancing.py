"""Two nodes behind a real HAProxy, and clients whose sessions either node serves."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests

from testbed.ports import Ports
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually

PATH = "/bgctl-health"
SOURCE = "127.0.0.2"  # from where HAProxy comes, and whom the nodes trust
NOTICE = "2s"  # for HAProxy, which looks five times a second
# Nothing is tried a second time: a request that a node loses is lost.
CONFIGURATION = """\
defaults
  mode {mode}
  retries 0
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 10m
listen front
  bind 127.0.0.1:{here}
  balance roundrobin
  option httpchk GET {path}
  default-server check inter 200ms fall 2 rise 2
"""


class Node(Stack):
    """A project behind the load balancer. It has the keys of `like`, so that a token is good at both."""

    like: Stack | None = None

    def create(self) -> Self:
        super().create()
        if self.like:
            shutil.copytree(self.like.directory / "keys", self.directory / "keys", dirs_exist_ok=True)
        return self

    @property
    def served(self) -> int:
        """Requests since its proxy started."""
        return sum(slot["requests"] for slot in self.proxy_status()["slots"].values())

    def asked(self, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
        """What a load balancer is told: the status, the word, and the headers in small letters."""
        command = ["curl", "--silent", "--include", "--haproxy-protocol", "--interface", SOURCE]
        command += ["--head"] if method == "HEAD" else ["--request", method]
        lines = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
        done = subprocess.run([*command, *lines, f"{self.plain_url}{PATH}"], capture_output=True, text=True)
        head, _, body = done.stdout.partition("\n\n")
        status, *fields = head.splitlines()
        told = {name.lower(): text.strip() for name, _, text in (each.partition(":") for each in fields)}
        return int(status.split()[1]), body.strip(), told


SETTINGS: dict[str, Any] = {
    "trusted": [SOURCE],
    "proxy_protocol": True,
    "balancer_path": PATH,
    "balancer_notice": NOTICE,
}


@contextmanager
def balanced(folder: Path, mode: str, one: Stack, two: Stack) -> Iterator[str]:
    """The address of a load balancer in front of both, which speaks the PROXY protocol to them."""
    how = f"source {SOURCE} check-send-proxy"
    servers = [
        f"127.0.0.1:{one.ports.proxy} {how} send-proxy",
        f"127.0.0.1:{two.ports.proxy} {how} send-proxy-v2",
    ]
    with in_front(folder, mode, servers) as url:
        yield url


@contextmanager
def in_front(folder: Path, mode: str, servers: Sequence[str]) -> Iterator[str]:
    """The address of a load balancer in front of these servers, each an address with options of HAProxy's."""
    here, path = Ports.free().proxy, folder / f"{mode}.cfg"
    lines = [f"  server {number} {server}\n" for number, server in enumerate(servers, 1)]
    path.write_text(CONFIGURATION.format(mode=mode, here=here, path=PATH) + "".join(lines))
    front = subprocess.Popen(["haproxy", "-db", "-f", str(path)], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{here}"
    try:
        eventually(lambda: _answers(url), "HAProxy has a node that is ready")
        yield url
    finally:
        front.terminate()
        front.wait(10)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/whoami", timeout=5).ok
    except requests.ConnectionError:
        return False


def bearer(stack: Stack, version: str) -> str:
    """A token of somebody on this version."""
    now = int(time.time())
    claims = {"userId": f"user-of-{version}", "sid": version.replace(".", "") * 6, "iss": "bgctl"}
    claims |= {"deploymentVersion": version, "deploymentGeneration": str(stack.state()["generation"])}
    return stack.sign({**claims, "iat": now, "exp": now + 3600})


class Clients:
    """Sessions of both versions that ask on and on, some on a connection that they keep.

    `pace`: seconds between two requests of each. `seen` counts answers, and what was wrong. A connection that
    was closed while it was idle is opened anew, as browsers do; a request on a new one that gets no answer is
    lost.
    """

    def __init__(self, url: str, signer: Stack, pace: float, size: int = 3) -> None:
        self.url, self.seen, self._pace = url, Counter[str](), pace
        self._lock, self._over = threading.Lock(), threading.Event()
        people = [
            (version, bearer(signer, version), keeps) for version in (OLD, NEW) for keeps in (True, False)
        ]
        self._threads = [threading.Thread(target=self._go, args=each) for each in people * size]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join(60)

    def keep_on(self, more: int = 50) -> None:
        """Until so many more answers have come."""
        before = self.seen["good"]
        eventually(lambda: self.seen["good"] >= before + more, "clients are answered")

    @property
    def wrong(self) -> dict[str, int]:
        return {what: count for what, count in self.seen.items() if what not in ("good", "opened anew")}

    def _go(self, version: str, token: str, keeps: bool) -> None:
        kept = requests.Session()
        while not self._over.wait(self._pace):
            try:
                what = self._ask(kept if keeps else requests.Session(), version, token)
            except requests.ConnectionError as error:
                what = self._anew(version, token) if keeps else f"lost: {error}"
            with self._lock:
                self.seen[what] += 1

    def _anew(self, version: str, token: str) -> str:
        with self._lock:
            self.seen["opened anew"] += 1
        try:
            return self._ask(requests.Session(), version, token)
        except requests.ConnectionError as error:
            return f"lost: {error}"

    def _ask(self, session: requests.Session, version: str, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        answer = session.get(f"{self.url}/api/whoami", headers=headers, timeout=20)
        if answer.status_code != 200:
            return f"status {answer.status_code}"
        told = (answer.json()["version"], answer.headers["X-Deployment-Version"])
        return "good" if told == (version, version) else f"flipped from {version} to {told}"
