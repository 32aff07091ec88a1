"""What reloading certificates costs: `python -m tests.bench.reloads`, twenty of them under load, over TLS.

Clients keep one connection each and do as RFC 9112, section 9.3.1, lets them: where a connection that has
been used before closes without an answer, a request that may be repeated (a GET, a POST with a key that makes
it idempotent) is sent once more on a new one.
"""

from __future__ import annotations

import http.client
import json
import ssl
import statistics
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from testbed import certificates
from testbed.project import Project, name_of_its_own

RELOADS = 20
CLIENTS = 8
PAUSE = 0.01  # seconds between two requests of a client
BETWEEN = 1.0  # seconds of load between two reloads


@dataclass
class Tally:
    """Times are seconds; `requests` are (start, end) of each that was answered."""

    requests: list[tuple[float, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    retried: int = 0
    connections: int = 0


class Client(threading.Thread):
    def __init__(self, project: Project, done: threading.Event, number: int) -> None:
        super().__init__()
        self.tally = Tally()
        self.port, self._done, self._posts = project.ports.tls, done, number % 4 == 0
        self.context = ssl.create_default_context(cafile=project.ca)
        self._connection: http.client.HTTPSConnection | None = None

    def run(self) -> None:
        while not self._done.is_set():
            start = time.monotonic()
            try:
                self._ask()
                self.tally.requests.append((start, time.monotonic()))
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.tally.failed.append(f"{type(error).__name__}: {error}")
                self._close()
            time.sleep(PAUSE)
        self._close()

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)

    def _ask(self) -> None:
        key = uuid.uuid4().hex
        used = self._connection is not None
        try:
            self._once(key)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            if not used:
                raise
            self.tally.retried += 1
            self._close()
            self._once(key)

    def _once(self, key: str) -> None:
        if self._connection is None:
            self.tally.connections += 1
            self._connection = self.connect()
        if self._posts:
            headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
            self._connection.request("POST", "/api/notes", json.dumps({"text": "x"}), headers)
        else:
            self._connection.request("GET", "/healthz")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status in (200, 201), f"status {answer.status}: {body[:200]!r}"
        if answer.will_close:
            self._close()

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def measure(project: Project) -> tuple[Tally, list[tuple[float, float]]]:
    """What the clients saw, and from when to when each reload was at work."""
    done = threading.Event()
    clients = [Client(project, done, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    spans = []
    try:
        for _ in range(RELOADS):
            time.sleep(BETWEEN)
            certificates.renew(project.directory, project.authority)
            start = time.monotonic()
            project.bgctl("reload")
            spans.append((start, time.monotonic()))
        time.sleep(BETWEEN)
    finally:
        done.set()
        for client in clients:
            client.join()
    each = [client.tally for client in clients]
    total = Tally(
        sorted(request for tally in each for request in tally.requests),
        [failure for tally in each for failure in tally.failed],
        sum(tally.retried for tally in each),
        sum(tally.connections for tally in each),
    )
    return total, spans


def report(total: Tally, spans: list[tuple[float, float]]) -> str:
    ends = sorted(end for _, end in total.requests)
    gap = max(later - earlier for earlier, later in pairwise(ends))
    during: list[float] = []
    between: list[float] = []
    for start, end in total.requests:
        meets = any(start < last and end > first for first, last in spans)
        (during if meets else between).append((end - start) * 1000)
    return (
        f"{len(spans)} certificate reloads under load, {len(total.requests)} requests: "
        f"{len(total.failed)} failed, {total.retried} repeated on a connection that was closed while idle "
        f"({total.connections} connections)\n"
        f"longest gap between two answers {gap * 1000:.0f} ms; a reload takes "
        f"{statistics.median(last - first for first, last in spans):.1f} s\n"
        f"latency while bgctl reload is at work: {_words(during)}; between: {_words(between)}"
    )


def _words(times: list[float]) -> str:
    ranked = sorted(times)
    middle, most = statistics.median(ranked), ranked[len(ranked) * 99 // 100]
    return f"median {middle:.1f} ms, 99 % within {most:.0f} ms, longest {ranked[-1]:.0f} ms"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        project = Project(Path(folder) / "project", name_of_its_own("bgctl-reloads"), tls=True).create()
        try:
            project.bgctl("up")
            total, spans = measure(project)
        finally:
            project.remove()
    print(report(total, spans))
    for failure in sorted(set(total.failed)):
        print(f"failed: {failure}")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
